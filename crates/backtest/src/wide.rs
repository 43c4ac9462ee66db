//! Wider vector registers than those that every processor has, where the one at hand has them.

/// Runs `work` in a copy that the compiler made for AVX2, where the processor has it. What belongs to the copy must be
/// inlined into it, so closures and functions say `#[inline(always)]`. Operations and their order stay, and with them every
/// bit of a result.
///
/// AVX-512 is left out: the grid takes longer with it.
#[inline(always)]
pub(crate) fn widest<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = fearless_simd::Level::new().as_avx2() {
        return fearless_simd::Simd::vectorize(avx2, work);
    }
    work()
}
