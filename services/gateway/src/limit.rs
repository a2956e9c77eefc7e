//! How many submissions one address may make.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

/// How many addresses are remembered, about 10 MB; beyond it, newcomers share a limit by their larger network.
const MAX_TRACKED: usize = 100_000;
/// After so many checks, addresses whose allowance is whole again are forgotten.
const SWEEP_EVERY: u64 = 1_024;

/// A limit for each address, in bounded memory.
pub(crate) struct Limiter {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
    checks: AtomicU64,
}

impl Limiter {
    /// `None` when there is to be no limit.
    pub fn new(per_minute: u32, burst: u32) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute)?).allow_burst(NonZeroU32::new(burst.max(1))?);
        Some(Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default(), checks: AtomicU64::new(0) })
    }

    /// Takes one submission from the allowance of `ip`, or says how long to wait.
    pub fn check(&self, ip: IpAddr) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let key = if self.limiter.len() < MAX_TRACKED { network(ip, 32, 64) } else { network(ip, 16, 32) };
        self.limiter.check_key(&key).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

/// The first bits of an address. A household has a whole IPv6 /64, so a single address there means nothing.
fn network(ip: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & u32::MAX.unbounded_shl(32 - v4_bits)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & u128::MAX.unbounded_shl(128 - v6_bits)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(host: u64) -> IpAddr {
        Ipv6Addr::from_bits(0x2001_0db8_0000_0001_u128 << 64 | u128::from(host)).into()
    }

    #[test]
    fn a_burst_passes_and_the_next_one_waits() {
        let limiter = Limiter::new(6, 2).expect("a limit");
        let ip = IpAddr::from([192, 0, 2, 1]);
        assert!(limiter.check(ip).is_ok() && limiter.check(ip).is_ok());
        let wait = limiter.check(ip).expect_err("the third of two");
        assert!(wait > Duration::from_secs(5) && wait <= Duration::from_secs(10), "{wait:?}");
        assert!(limiter.check(IpAddr::from([192, 0, 2, 2])).is_ok(), "another address has its own allowance");
    }

    #[test]
    fn hosts_of_one_ipv6_network_share_an_allowance() {
        let limiter = Limiter::new(1, 1).expect("a limit");
        assert!(limiter.check(v6(1)).is_ok());
        assert!(limiter.check(v6(2)).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(1, 1).expect("a limit");
        for n in 0..(MAX_TRACKED as u32 + 5_000) {
            let _ = limiter.check(Ipv4Addr::from_bits(0x0a00_0000 + n).into());
        }
        assert!(limiter.limiter.len() <= MAX_TRACKED + 10, "{}", limiter.limiter.len());
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(Limiter::new(0, 5).is_none());
    }
}
