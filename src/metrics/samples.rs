//! Builds families in the form of the `prometheus` crate, which names, escapes and orders them.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::catalog::{Family, Kind};
use super::shard::Distribution;

/// Samples are the series of one family.
pub(super) struct Samples {
    family: &'static Family,
    metrics: Vec<Metric>,
}

impl Samples {
    pub(super) const fn new(family: &'static Family) -> Self {
        Self { family, metrics: Vec::new() }
    }

    /// Makes a family of one series without labels.
    pub(super) fn one(family: &'static Family, count: u64) -> MetricFamily {
        let mut samples = Self::new(family);
        samples.count(&[], count);
        samples.finish()
    }

    /// Adds a series of a counter that most objects never use: only once it was used.
    pub(super) fn counted(&mut self, labels: &[&str], count: u64) {
        if count > 0 {
            self.count(labels, count);
        }
    }

    /// Adds a series of a whole number.
    pub(super) fn count(&mut self, labels: &[&str], count: u64) {
        self.value(labels, count as f64);
    }

    /// Adds a series.
    pub(super) fn value(&mut self, labels: &[&str], value: f64) {
        let mut metric = self.metric(labels);
        if self.family.kind == Kind::Counter {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
    }

    /// Adds the series of a histogram: with labels only once something was counted.
    pub(super) fn histogram(&mut self, labels: &[&str], distribution: &Distribution) {
        if distribution.count == 0 && !labels.is_empty() {
            return;
        }
        let bucket = |(bound, below): &(f64, u64)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(*below);
            bucket
        };
        // The last one, which holds all, is written by the encoder alone as `+Inf`.
        let bounded = distribution.buckets.iter().filter(|(bound, _)| bound.is_finite());
        let mut histogram = Histogram::default();
        histogram.set_bucket(bounded.map(bucket).collect());
        histogram.set_sample_count(distribution.count);
        histogram.set_sample_sum(distribution.sum_seconds);
        let mut metric = self.metric(labels);
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }

    fn metric(&self, labels: &[&str]) -> Metric {
        debug_assert_eq!(labels.len(), self.family.labels.len(), "{}", self.family.name);
        let pair = |(name, value): (&&str, &&str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        Metric::from_label(self.family.labels.iter().zip(labels).map(pair).collect())
    }

    /// Returns the family.
    pub(super) fn finish(self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.family.name.to_owned());
        family.set_help(self.family.help.to_owned());
        family.set_field_type(match self.family.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(self.metrics);
        family
    }
}
