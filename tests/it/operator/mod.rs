//! The operator's tools, on both deployments.

mod audit;
mod dead_letters;
mod learning;
mod replay;
mod site;
mod trials;
