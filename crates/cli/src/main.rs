//! unwedge: why Windows Update fails on a PC, what is in the way, and how to take it out again.

fn main() {}
