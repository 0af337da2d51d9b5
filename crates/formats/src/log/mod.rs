//! Text logs of Windows servicing.
