//! When results of checks change what is thought of an endpoint.

/// Verdict is what active checks say of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// No check has ended yet.
    #[default]
    Unknown,
    /// Takes traffic.
    Healthy,
    /// Takes none.
    Unhealthy,
}

/// Thresholds are results in a row that change a verdict; 0 counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Successes that make healthy.
    pub healthy: u32,
    /// Failures that make unhealthy.
    pub unhealthy: u32,
}

/// Machine turns results of checks into a verdict. The first result decides at once: an endpoint
/// nobody knows should neither wait for traffic nor get it against the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    verdict: Verdict,
    /// Results in a row that contradict the verdict.
    against: u32,
}

impl Machine {
    /// Returns the verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Takes one result; returns the new verdict when it changes.
    pub fn observe(&mut self, passed: bool, thresholds: Thresholds) -> Option<Verdict> {
        let (claimed, needed) = if passed {
            (Verdict::Healthy, thresholds.healthy)
        } else {
            (Verdict::Unhealthy, thresholds.unhealthy)
        };
        if claimed == self.verdict {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        if self.verdict != Verdict::Unknown && self.against < needed {
            return None;
        }
        self.verdict = claimed;
        self.against = 0;
        Some(claimed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE_TWO: Thresholds = Thresholds { healthy: 2, unhealthy: 3 };

    fn feed(machine: &mut Machine, results: &str) -> Vec<Option<Verdict>> {
        results.chars().map(|c| machine.observe(c == '+', THREE_TWO)).collect()
    }

    #[test]
    fn first_result_decides() {
        let mut machine = Machine::default();
        assert_eq!(feed(&mut machine, "+"), [Some(Verdict::Healthy)]);
        let mut machine = Machine::default();
        assert_eq!(feed(&mut machine, "-"), [Some(Verdict::Unhealthy)]);
    }

    #[test]
    fn only_results_in_a_row_count() {
        let mut machine = Machine::default();
        feed(&mut machine, "+--+--+");
        assert_eq!(machine.verdict(), Verdict::Healthy);
        assert_eq!(feed(&mut machine, "---"), [None, None, Some(Verdict::Unhealthy)]);
        feed(&mut machine, "+-+-+-");
        assert_eq!(machine.verdict(), Verdict::Unhealthy);
        assert_eq!(feed(&mut machine, "++"), [None, Some(Verdict::Healthy)]);
    }

    #[test]
    fn thresholds_may_change_while_counting() {
        let mut machine = Machine::default();
        feed(&mut machine, "+--");
        let one = Thresholds { healthy: 1, unhealthy: 1 };
        assert_eq!(machine.observe(false, one), Some(Verdict::Unhealthy));
        assert_eq!(
            machine.observe(true, Thresholds { healthy: 0, unhealthy: 0 }),
            Some(Verdict::Healthy)
        );
    }
}
