//! The `Date` of answers, written once a second.

use std::cell::RefCell;
use std::time::SystemTime;

use crate::upstream::clock::Millis;

#[derive(Default)]
struct Cached {
    second: u64,
    text: String,
}

thread_local! {
    static CACHED: RefCell<Cached> = RefCell::default();
}

/// Lets `use_text` have the date as an HTTP date. Source: RFC 9110 §5.6.7.
pub(super) fn with<T>(now: Millis, use_text: impl FnOnce(&str) -> T) -> T {
    CACHED.with_borrow_mut(|cached| {
        // 0 is never a second of the running process's clock below, so the first call writes.
        let second = now.0 / 1000 + 1;
        if cached.second != second {
            cached.second = second;
            cached.text = httpdate::fmt_http_date(SystemTime::now());
        }
        use_text(&cached.text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_an_http_date_and_follows_the_clock() {
        let first = with(Millis(1), str::to_owned);
        assert_eq!(first.len(), "Tue, 24 Nov 2026 11:00:00 GMT".len());
        assert!(httpdate::parse_http_date(&first).is_ok());
        CACHED.with_borrow_mut(|cached| "old".clone_into(&mut cached.text));
        assert_eq!(with(Millis(999), str::to_owned), "old");
        assert_ne!(with(Millis(1000), str::to_owned), "old");
    }
}
