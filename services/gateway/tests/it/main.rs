//! The gateway from outside: requests in, answers and records out.

mod akismet;
mod akismet_feedback;
mod fakes;
mod house;
mod moderate;
mod openapi;
mod pages;
mod privacy;
mod read;
mod serving;
mod submit;
mod submit_form;
