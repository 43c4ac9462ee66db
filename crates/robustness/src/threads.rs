//! The same work over chunks of items on several threads. Chunks do not depend on the number of threads, and results come back
//! in the order of the items, so neither do any bits.

use std::sync::atomic::{AtomicUsize, Ordering};

/// `work` over chunks of `size` items; the results of all chunks, joined in order.
pub(crate) fn in_chunks<T: Sync, R: Send>(
    items: &[T],
    size: usize,
    threads: usize,
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let chunks: Vec<&[T]> = items.chunks(size.max(1)).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(number) else { return done };
            done.push((number, work(chunk)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(chunks.len())).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        for other in others {
            match other.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<u32> = (0..1000).collect();
        let square = |chunk: &[u32]| chunk.iter().map(|item| item * item).collect::<Vec<_>>();
        for threads in [0, 1, 2, 7] {
            for size in [0, 1, 64, 5000] {
                let squares = in_chunks(&items, size, threads, square);
                assert_eq!(squares, items.iter().map(|item| item * item).collect::<Vec<_>>());
            }
        }
        assert!(in_chunks(&[], 4, 2, square).is_empty());
    }
}
