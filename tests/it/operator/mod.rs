//! The operator's tools, on both deployments.

mod audit;
mod dead_letters;
mod replay;
mod site;
