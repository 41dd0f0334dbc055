//! The beginning of a request's body, for another try.
//!
//! An endpoint that dies takes with it what it was sent. A request that may be sent again keeps a
//! copy, so that the next endpoint gets the whole body: the copy, then what the client still sends.
//! It is a copy, since the pieces of a body hold on to much larger buffers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http_body::Frame;

/// Most bytes of one body. Above that nothing of it is kept: larger ones are uploads, which are
/// rare and cost a client little to send again beside what they cost here. It is also what waits of
/// an answer.
const MOST: usize = 64 * 1024;
/// Most bytes of all requests of a worker together: 64 of the largest bodies, or tens of thousands
/// of usual ones, as they are for the milliseconds until their answers begin.
const MOST_OF_WORKER: usize = 4 * 1024 * 1024;
/// Most bytes of a piece that is handed out again.
const PIECE: usize = 16 * 1024;

/// Kept is what a try took of a body, shared by the body and whoever may begin again.
#[derive(Clone, Debug)]
pub(super) struct Kept(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    bytes: Vec<u8>,
    /// What the present try got of them.
    handed: usize,
    /// Whether something is not there.
    is_given_up: bool,
    /// What all requests of the worker keep.
    total: Rc<Cell<usize>>,
}

impl Kept {
    /// Begins to keep a body, of this length where it is known. Nothing where that is too long.
    pub(super) fn begin(length: Option<u64>, total: &Rc<Cell<usize>>) -> Option<Self> {
        if length.is_some_and(|length| length > MOST as u64) {
            return None;
        }
        let total = Rc::clone(total);
        let inner = Inner { bytes: Vec::new(), handed: 0, is_given_up: false, total };
        Some(Self(Rc::new(RefCell::new(inner))))
    }

    /// Returns what is kept and was not handed out in this try, else what `source` has, and keeps
    /// that. What has trailers is not kept.
    pub(super) fn poll<E>(
        &self,
        source: impl FnOnce() -> Poll<Option<Result<Frame<Bytes>, E>>>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        if let Some(piece) = self.0.borrow_mut().next() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let polled = source();
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let mut inner = self.0.borrow_mut();
            match frame.data_ref() {
                Some(data) => inner.keep(data),
                None => inner.give_up(),
            }
        }
        polled
    }

    /// Bytes that are handed out before the source is asked.
    pub(super) fn ahead(&self) -> usize {
        self.0.borrow().rest().len()
    }

    /// Whether all that was taken is still there.
    pub(super) fn is_whole(&self) -> bool {
        !self.0.borrow().is_given_up
    }

    /// Hands out everything from the beginning again, where it is still there.
    pub(super) fn rewind(&self) -> bool {
        let mut inner = self.0.borrow_mut();
        inner.handed = 0;
        !inner.is_given_up
    }

    /// Keeps no more, for instance since the answer has begun.
    pub(super) fn give_up(&self) {
        self.0.borrow_mut().give_up();
    }
}

impl Inner {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.handed..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<Bytes> {
        let rest = self.rest();
        let piece = rest.get(..rest.len().min(PIECE)).filter(|piece| !piece.is_empty())?;
        let piece = Bytes::copy_from_slice(piece);
        self.handed += piece.len();
        if self.is_given_up && self.rest().is_empty() {
            self.free();
        }
        Some(piece)
    }

    fn keep(&mut self, data: &[u8]) {
        let (length, before) = (self.bytes.len() + data.len(), self.bytes.capacity());
        if self.is_given_up || length > MOST {
            return self.give_up();
        }
        if length > before {
            let capacity = length.max(2 * before).min(MOST);
            if self.total.get() + capacity - before > MOST_OF_WORKER {
                return self.give_up();
            }
            self.bytes.reserve_exact(capacity - self.bytes.len());
            self.total.set(self.total.get() + self.bytes.capacity() - before);
        }
        self.bytes.extend_from_slice(data);
        self.handed = length;
    }

    /// What a try has not got yet stays until it has.
    fn give_up(&mut self) {
        self.is_given_up = true;
        if self.rest().is_empty() {
            self.free();
        }
    }

    fn free(&mut self) {
        self.total.set(self.total.get().saturating_sub(self.bytes.capacity()));
        (self.bytes, self.handed) = (Vec::new(), 0);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.free();
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use proptest::{prop_assert, prop_assert_eq};

    use super::*;

    type Polled = Poll<Option<Result<Frame<Bytes>, ()>>>;

    /// Returns the next piece of what is handed out.
    fn next(kept: &Kept, source: &mut impl Iterator<Item = Vec<u8>>) -> Option<Bytes> {
        let polled: Polled =
            kept.poll(|| Poll::Ready(source.next().map(|data| Ok(Frame::data(data.into())))));
        match polled {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
            _ => None,
        }
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![8 => 0..100_usize, 1 => 0..40_000_usize];
        (length, any::<u8>()).prop_flat_map(|(length, fill)| Just(vec![fill; length]))
    }

    proptest! {
        /// Whatever was cut off where, the last try gets what came from the client, once.
        #[test]
        fn each_try_gets_all_from_the_beginning(
            pieces in vec(piece(), 0..12),
            tries in vec(0..16_usize, 0..5),
        ) {
            let sent = pieces.concat();
            let (total, mut source) = (Rc::default(), pieces.into_iter());
            let kept = Kept::begin(None, &total).unwrap();
            for count in tries {
                let got: Vec<_> = (0..count).map_while(|_| next(&kept, &mut source)).collect();
                prop_assert!(sent.starts_with(&got.concat()));
                prop_assert!(total.get() <= MOST);
                if !kept.rewind() {
                    prop_assert!(sent.len() > MOST);
                    return Ok(());
                }
            }
            let got: Vec<_> = std::iter::from_fn(|| next(&kept, &mut source)).collect();
            prop_assert_eq!(got.concat(), sent);
            drop(kept);
            prop_assert_eq!(total.get(), 0);
        }
    }

    #[test]
    fn what_is_too_much_is_not_kept() {
        let total = Rc::default();
        assert!(Kept::begin(Some(MOST as u64 + 1), &total).is_none());
        let kept = Kept::begin(Some(MOST as u64), &total).unwrap();
        let mut source = [vec![1; MOST], vec![2; 1]].into_iter();
        next(&kept, &mut source);
        assert!(kept.is_whole());
        assert_eq!(total.get(), MOST);
        next(&kept, &mut source);
        assert!(!kept.is_whole() && !kept.rewind());
        assert_eq!(total.get(), 0);
        // The requests of a worker share a bound.
        let begin = || Kept::begin(None, &total).unwrap();
        let all: Vec<_> = (0..=MOST_OF_WORKER / MOST).map(|_| begin()).collect();
        for kept in &all {
            next(kept, &mut std::iter::once(vec![1; MOST]));
        }
        assert_eq!(all.iter().filter(|kept| kept.is_whole()).count(), MOST_OF_WORKER / MOST);
        assert_eq!(total.get(), MOST_OF_WORKER);
        drop(all);
        assert_eq!(total.get(), 0);
    }

    #[test]
    fn what_was_not_handed_out_outlives_the_end_of_keeping() {
        let total = Rc::default();
        let kept = Kept::begin(None, &total).unwrap();
        let mut source = [vec![1; PIECE + 1], vec![2; 1]].into_iter();
        next(&kept, &mut source);
        assert!(kept.rewind());
        let mut got = next(&kept, &mut source).unwrap().to_vec();
        kept.give_up();
        assert!(!kept.is_whole() && total.get() > 0);
        got.extend(std::iter::from_fn(|| next(&kept, &mut source)).flatten());
        assert_eq!(got, [vec![1; PIECE + 1], vec![2; 1]].concat());
        assert_eq!(total.get(), 0);
    }

    #[test]
    fn a_body_with_trailers_is_not_kept() {
        let kept = Kept::begin(None, &Rc::default()).unwrap();
        let trailers = || Poll::Ready(Some(Ok(Frame::trailers(http::HeaderMap::new()))));
        let _: Polled = kept.poll(trailers);
        assert!(!kept.is_whole());
    }
}
