//! `Retry-After`, beside `jiff`.
//!
//! `docs/conformance.md` has the command that tries 100,000 inputs.

use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// The forms of RFC 9110 §5.6.7.
const FORMS: [&str; 3] = [
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %e %H:%M:%S %Y",
];

fn seconds(value: &str, now: i64) -> Option<u64> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, value.parse().ok()?);
    let now = UNIX_EPOCH + Duration::from_secs(now.unsigned_abs());
    retry_after(&headers, now).map(|delay| delay.as_secs())
}

/// What another reader makes of a date: the seconds since 1970.
fn second_opinion(text: &str) -> Option<i64> {
    FORMS.iter().find_map(|form| {
        let time: BrokenDownTime = strtime::parse(form, text).ok()?;
        let time = TimeZone::UTC.to_timestamp(time.to_datetime().ok()?);
        Some(time.ok()?.as_second())
    })
}

/// From 1970 to the end of 9999; with two digits, to 2068: to `jiff` 69 is 1969, to `httpdate` 2069.
fn dates() -> impl Strategy<Value = (i64, usize)> {
    (0..FORMS.len()).prop_flat_map(|form| {
        let end = match form {
            1 => 3_124_223_999,
            _ => 253_402_300_799_i64,
        };
        (0..=end, Just(form))
    })
}

proptest! {
    #[test]
    fn dates_are_those_that_another_library_writes(
        (date, form) in dates(),
        now in 0..4_000_000_000_i64,
    ) {
        let time = TimeZone::UTC.to_datetime(Timestamp::from_second(date).unwrap());
        let text = time.strftime(FORMS[form]).to_string();
        prop_assert_eq!(seconds(&text, now), Some((date - now).max(0).unsigned_abs()), "{}", text);
    }

    #[test]
    fn what_is_taken_for_a_date_is_the_same_date_to_another_library(
        (date, form) in dates(),
        at in any::<prop::sample::Index>(),
        with in prop::sample::select("0123456789 ,:-aGMTSunJ".chars().collect::<Vec<_>>()),
    ) {
        let time = TimeZone::UTC.to_datetime(Timestamp::from_second(date).unwrap());
        let mut text: Vec<char> = time.strftime(FORMS[form]).to_string().chars().collect();
        let at = at.index(text.len());
        let before = std::mem::replace(&mut text[at], with);
        let text: String = text.into_iter().collect();
        if let Some(delay) = seconds(&text, 0) {
            let second = second_opinion(&text).map(|second| second.max(0).unsigned_abs());
            // `httpdate` does not look at every blank and mark between the numbers.
            let is_the_date = !before.is_alphanumeric() && delay == date.unsigned_abs();
            let is_69 = form == 1 && text.contains("-69");
            prop_assert!(second == Some(delay) || is_the_date || is_69, "{second:?}, {delay}: {text}");
        }
    }

    #[test]
    fn seconds_are_digits_and_nothing_else(text in "[ \t]?[0-9+.,x-]{0,5}[0-9]{0,20}[ \t]?") {
        // Several are as many headers once were, and the longest counts.
        let numbers: Vec<&str> = text.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
        let is_number = |one: &&str| one.bytes().all(|byte| byte.is_ascii_digit());
        let longest = numbers.iter().map(|digits| digits.parse().unwrap_or(u64::MAX)).max();
        let expected = longest.filter(|_| numbers.iter().all(is_number));
        prop_assert_eq!(seconds(&text, 0), expected);
    }
}
