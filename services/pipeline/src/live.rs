//! What may be replaced while it is in use: the sites' policies above all.

use std::{future, sync::Arc};

use tokio::sync::watch;

/// The reader's side of a [`Seat`]. Whoever works by it takes [`Live::now`] once for a batch or a request, so that one
/// piece of work goes by one version.
#[derive(Debug)]
pub struct Live<T>(watch::Receiver<Arc<T>>);

/// Where a value lies that is replaced at times.
#[derive(Debug)]
pub struct Seat<T>(watch::Sender<Arc<T>>);

impl<T> Live<T> {
    /// What is in force.
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits until something else is in force than this reader has waited for before; for ever where nobody can replace it.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            future::pending().await
        }
    }

    /// Waits until what is in force is as wished.
    pub async fn until(&mut self, is_so: impl Fn(&T) -> bool) {
        if self.0.wait_for(|value| is_so(value)).await.is_err() {
            future::pending().await
        }
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What stays in force for good.
impl<T> From<Arc<T>> for Live<T> {
    fn from(value: Arc<T>) -> Self {
        Self(watch::channel(value).1)
    }
}

impl<T> Seat<T> {
    /// With what is in force from the start.
    pub fn new(value: T) -> Self {
        Self(watch::Sender::new(Arc::new(value)))
    }

    /// Puts another value in force; work in hand goes on by the one before.
    pub fn put(&self, value: T) {
        self.0.send_replace(Arc::new(value));
    }

    /// A reader.
    pub fn live(&self) -> Live<T> {
        Live(self.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readers_see_what_is_put_and_keep_what_they_took() {
        let seat = Seat::new(1);
        let mut live = seat.live();
        let taken = live.now();
        seat.put(2);
        live.changed().await;
        assert_eq!((*taken, *live.now(), *seat.live().now()), (1, 2, 2));
        live.until(|value| *value == 2).await;
    }

    #[tokio::test]
    async fn what_nobody_can_replace_never_changes() {
        let mut live = Live::from(Arc::new(1));
        tokio::select! {
            biased;
            () = live.changed() => panic!("it changed"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(*live.now(), 1);
    }
}
