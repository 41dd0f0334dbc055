//! "Did you mean" for a misspelt word.

/// Words longer than this are no misspelling of a field.
const MAX_WORD: usize = 64;

/// Returns the candidate that a word most likely stands for.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > MAX_WORD {
        return None;
    }
    let folded = word.to_ascii_lowercase().replace(['-', '_'], "");
    let allowed = (folded.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (distance(&folded, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns how many letters must be added, left out or replaced (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&to) {
            let above = *cell;
            left = (diagonal + usize::from(letter != *other)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_word_that_was_meant() {
        let fields = ["loadBalancing", "backends", "limits", "healthCheck"];
        let closest = |word| closest(word, fields.into_iter());
        assert_eq!(closest("loadbalancing"), Some("loadBalancing"));
        assert_eq!(closest("load_balancing"), Some("loadBalancing"));
        assert_eq!(closest("backend"), Some("backends"));
        assert_eq!(closest("limit"), Some("limits"));
        assert_eq!(closest("helthChek"), Some("healthCheck"));
        assert_eq!(closest("entirelyDifferent"), None);
        assert_eq!(closest(&"x".repeat(100_000)), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
