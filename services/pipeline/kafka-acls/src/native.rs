#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char},
    ptr::NonNull,
    slice,
    time::Duration,
};

use rdkafka::{
    bindings as c,
    client::{Client, ClientContext},
};

use crate::{Acl, AclError, Operation, Resource};

/// Room for librdkafka to say what it does not like.
const REASON_BYTES: usize = 512;

/// A value of librdkafka's that is freed with the function that belongs to it.
struct Owned<T> {
    value: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// `None` for null.
    ///
    /// # Safety
    /// `value` is null, or valid, ours alone, and to be freed by `free` exactly once.
    unsafe fn new(value: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        NonNull::new(value).map(|value| Self { value, free })
    }

    fn get(&self) -> *mut T {
        self.value.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: by `new`, the value is valid and ours, and this is the one time that it is freed.
        unsafe { (self.free)(self.value.as_ptr()) }
    }
}

/// A grant as librdkafka holds it.
pub struct Binding(Owned<c::rd_kafka_AclBinding_t>);

impl Binding {
    pub fn new(acl: &Acl) -> Result<Self, AclError> {
        let unfit = |reason: String| AclError::Unfit { acl: acl.to_string(), reason };
        let text = |text: &str| CString::new(text).map_err(|_| unfit("a name holds a zero byte".to_owned()));
        let (name, principal) = (text(&acl.name)?, text(&acl.principal)?);
        let mut reason: [c_char; REASON_BYTES] = [0; REASON_BYTES];
        // SAFETY: the strings end with a zero byte and outlive the call, which copies them; `reason` has the size that is
        // given. The result is null or ours, to be freed by rd_kafka_AclBinding_destroy.
        let binding = unsafe {
            let made = c::rd_kafka_AclBinding_new(
                resource(acl.resource),
                name.as_ptr(),
                pattern(acl.prefixed),
                principal.as_ptr(),
                c"*".as_ptr(),
                operation(acl.operation),
                c::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
                reason.as_mut_ptr(),
                reason.len(),
            );
            Owned::new(made, c::rd_kafka_AclBinding_destroy)
        };
        // SAFETY: the array is ours, was filled with zeros, and librdkafka ends what it writes with one.
        let reason = || unsafe { owned_text(reason.as_ptr()) };
        binding.map(Self).ok_or_else(|| unfit(reason()))
    }
}

/// One request for all, and its answer.
pub fn create<C: ClientContext>(client: &Client<C>, bindings: &[Binding], time: Duration) -> Result<(), AclError> {
    let gone = || AclError::Refused("librdkafka has no memory left".to_owned());
    let milliseconds = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let mut wanted: Vec<_> = bindings.iter().map(|binding| binding.0.get()).collect();
    let mut reason: [c_char; REASON_BYTES] = [0; REASON_BYTES];
    // SAFETY: the client is borrowed, so its handle lives longer than all that is made of it here. Options, queue and event
    // are each null or ours, with the function that frees them; the event is dropped before the queue. The bindings are
    // borrowed, and librdkafka copies them within the call.
    let event = unsafe {
        let rk = client.native_ptr();
        let options = c::rd_kafka_AdminOptions_new(rk, c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATEACLS);
        let options = Owned::new(options, c::rd_kafka_AdminOptions_destroy).ok_or_else(gone)?;
        c::rd_kafka_AdminOptions_set_request_timeout(options.get(), milliseconds, reason.as_mut_ptr(), reason.len());
        let queue = Owned::new(c::rd_kafka_queue_new(rk), c::rd_kafka_queue_destroy).ok_or_else(gone)?;
        c::rd_kafka_CreateAcls(rk, wanted.as_mut_ptr(), wanted.len(), options.get(), queue.get());
        // librdkafka answers within its own limit; this one is for the case that it does not.
        let event = c::rd_kafka_queue_poll(queue.get(), milliseconds.saturating_add(1_000));
        Owned::new(event, c::rd_kafka_event_destroy)
    };
    let event = event.ok_or_else(|| AclError::Refused("no answer in time".to_owned()))?;
    outcome(&event, bindings.len())
}

/// What the answer says of each.
fn outcome(event: &Owned<c::rd_kafka_event_t>, asked: usize) -> Result<(), AclError> {
    // SAFETY: the event is valid while it is borrowed, and so is all that is read out of it: the texts are copied, and the
    // array of results has the length that librdkafka gives. A null array is not read, nor are null errors.
    unsafe {
        if c::rd_kafka_event_error(event.get()) != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(AclError::Refused(owned_text(c::rd_kafka_event_error_string(event.get()))));
        }
        let result = c::rd_kafka_event_CreateAcls_result(event.get());
        if result.is_null() {
            return Err(AclError::Refused("the answer is to another question".to_owned()));
        }
        let mut count = 0;
        let results = c::rd_kafka_CreateAcls_result_acls(result, &mut count);
        let results = if results.is_null() { &[] } else { slice::from_raw_parts(results, count) };
        if results.len() != asked {
            return Err(AclError::Refused(format!("{} answers to {asked} questions", results.len())));
        }
        let errors =
            results.iter().map(|result| c::rd_kafka_acl_result_error(*result)).filter(|error| !error.is_null());
        match errors.map(|error| owned_text(c::rd_kafka_error_string(error))).next() {
            Some(error) => Err(AclError::Refused(error)),
            None => Ok(()),
        }
    }
}

/// A copy of a text of librdkafka's; empty for null.
///
/// # Safety
/// `text` is null, or ends with a zero byte and lives through the call.
unsafe fn owned_text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by the caller's word.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

fn resource(resource: Resource) -> c::rd_kafka_ResourceType_t {
    match resource {
        Resource::Topic => c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
        Resource::Group => c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_GROUP,
        Resource::TransactionalId => c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID,
    }
}

fn pattern(prefixed: bool) -> c::rd_kafka_ResourcePatternType_t {
    match prefixed {
        true => c::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        false => c::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
    }
}

fn operation(operation: Operation) -> c::rd_kafka_AclOperation_t {
    match operation {
        Operation::Read => c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ,
        Operation::Write => c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE,
        Operation::Describe => c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_DESCRIBE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_librdkafka_does_not_take_is_refused_with_its_words() {
        let acl = |name: &str| Acl {
            principal: "User:validator".to_owned(),
            operation: Operation::Read,
            resource: Resource::Topic,
            name: name.to_owned(),
            prefixed: false,
        };
        assert!(Binding::new(&acl("comments.submitted")).is_ok());
        let error = Binding::new(&acl("a\0b")).err().expect("refused").to_string();
        assert!(error.contains("zero byte"), "{error}");
    }
}
