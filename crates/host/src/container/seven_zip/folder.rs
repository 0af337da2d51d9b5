//! How one folder of a 7z archive is compressed: coders, and which one reads what another wrote.

use std::io::Result;

use super::super::level::damaged;
use super::input::Input;

/// More than any program combines.
const MOST_CODERS: u64 = 32;

const NO_CHAIN: &str = "compressed in steps that do not follow each other: it is damaged";

/// What is compressed together.
#[derive(Debug)]
pub(super) struct Folder<'h> {
    /// Behind the start header.
    pub(super) packed_at: u64,
    pub(super) packed_bytes: u64,
    pub(super) unpacked_bytes: u64,
    pub(super) crc: Option<u32>,
    coders: Vec<Coder<'h>>,
    /// Each input that is led from an output, with it.
    pairs: Vec<(u64, u64)>,
    /// Inputs that are stored in the archive.
    stored: Vec<u64>,
}

#[derive(Debug)]
struct Coder<'h> {
    method: &'h [u8],
    properties: &'h [u8],
    inputs: u64,
    outputs: u64,
    unpacked_bytes: u64,
}

/// One step of decompression.
#[derive(Debug)]
pub(super) struct Step<'h> {
    pub(super) method: &'h [u8],
    pub(super) properties: &'h [u8],
    /// What this step gives.
    pub(super) unpacked_bytes: u64,
}

impl<'h> Folder<'h> {
    /// Reads one, without where it is and how large.
    pub(super) fn read(input: &mut Input<'h>) -> Result<Folder<'h>> {
        let bounded = |number: u64| match number {
            0..=MOST_CODERS => Ok(number),
            _ => Err(damaged("compressed by more methods than can be")),
        };
        let count = bounded(input.number()?)?;
        let coders: Vec<Coder<'h>> =
            (0..count).map(|_| Coder::read(input)).collect::<Result<_>>()?;
        let inputs = bounded(coders.iter().map(|coder| coder.inputs).sum())?;
        let outputs = bounded(coders.iter().map(|coder| coder.outputs).sum())?;
        let (Some(pair_count), true) = (outputs.checked_sub(1), inputs >= outputs) else {
            return Err(damaged(NO_CHAIN));
        };
        let pairs: Vec<(u64, u64)> = (0..pair_count)
            .map(|_| Ok((input.number()?, input.number()?)))
            .collect::<Result<_>>()?;
        let stored = match inputs - pair_count {
            1 => {
                let is_led = |index: &u64| pairs.iter().any(|(to, _)| to == index);
                (0..inputs).find(|index| !is_led(index)).into_iter().collect()
            }
            several => (0..several).map(|_| input.number()).collect::<Result<_>>()?,
        };
        let folder = Folder {
            packed_at: 0,
            packed_bytes: 0,
            unpacked_bytes: 0,
            crc: None,
            coders,
            pairs,
            stored,
        };
        match folder.stored.is_empty() {
            true => Err(damaged(NO_CHAIN)),
            false => Ok(folder),
        }
    }

    /// How many runs of compressed bytes it has.
    pub(super) fn stored(&self) -> usize {
        self.stored.len()
    }

    /// How many sizes are told of it: one for each output.
    pub(super) fn outputs(&self) -> usize {
        self.pairs.len() + 1
    }

    /// The output that is the content.
    pub(super) fn last(&self) -> usize {
        let is_led = |output: &usize| self.pairs.iter().any(|&(_, from)| from == *output as u64);
        let last = (0..self.outputs()).find(|output| !is_led(output));
        last.expect("fewer outputs are led on than there are")
    }

    /// Takes the sizes of the outputs, which stand behind all folders.
    pub(super) fn set_sizes(&mut self, sizes: &[u64]) {
        self.coders.iter_mut().zip(sizes).for_each(|(coder, &size)| coder.unpacked_bytes = size);
    }

    /// The steps that lead from the stored bytes to the content, each of which takes what the one
    /// before gives. What branches is not read here: only programs are compressed so, by BCJ2.
    pub(super) fn steps(&self) -> Result<Vec<Step<'h>>> {
        let branches = self.coders.iter().any(|coder| (coder.inputs, coder.outputs) != (1, 1));
        if branches {
            return Err(damaged("compressed by BCJ2, which is not read here: unpack it"));
        }
        let mut steps = Vec::new();
        let mut next = self.stored.first().copied();
        while let Some(index) = next {
            let coder = usize::try_from(index).ok().and_then(|index| self.coders.get(index));
            let (Some(coder), true) = (coder, steps.len() < self.coders.len()) else {
                return Err(damaged(NO_CHAIN));
            };
            let &Coder { method, properties, unpacked_bytes, .. } = coder;
            steps.push(Step { method, properties, unpacked_bytes });
            next = self.pairs.iter().find(|(_, from)| *from == index).map(|&(to, _)| to);
        }
        match steps.len() == self.coders.len() {
            true => Ok(steps),
            false => Err(damaged(NO_CHAIN)),
        }
    }
}

impl<'h> Coder<'h> {
    fn read(input: &mut Input<'h>) -> Result<Coder<'h>> {
        let flags = input.byte()?;
        if flags & 0xc0 != 0 {
            return Err(damaged("compressed in a form not read here: unpack it"));
        }
        let method = input.bytes(u64::from(flags & 0xf))?;
        let (inputs, outputs) = match flags & 0x10 {
            0 => (1, 1),
            _ => (input.number()?.min(MOST_CODERS + 1), input.number()?.min(MOST_CODERS + 1)),
        };
        let properties = match flags & 0x20 {
            0 => &[][..],
            _ => {
                let size = input.number()?;
                input.bytes(size)?
            }
        };
        Ok(Coder { method, properties, inputs, outputs, unpacked_bytes: 0 })
    }
}
