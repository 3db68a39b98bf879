//! Inputs that benches share with tests.
