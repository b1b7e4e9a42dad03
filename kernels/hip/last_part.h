// last_part.h: which of the waves that share work in one launch comes last: it alone may read what the others stored, and finish.
//
// Use      A wave stores its part to memory, then asks last_part(counter, parts); all 64 lanes are active. True for one wave of `parts`.
// Order    Stores of gfx8 go through to L2, and vmcnt(0), the release, waits for them
//          there; the counter is counted in L2; the last wave drops its CU's L1 (buffer_wbinvl1_vol, the acquire) before it reads others'
//          parts [LLVM, "AMDGPU memory model gfx6-gfx9"]. The atomic wraps around: the last wave leaves the counter at 0 for the next launch.
//          split_finish.h adds whole tiles by it.
AMDC_DEVICE bool last_part(unsigned *counter, unsigned parts) {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "agent");
    unsigned before = 0;
    if (amdc_lane() == 0) before = __builtin_amdgcn_atomic_inc32(counter, parts - 1, __ATOMIC_RELAXED, "agent");
    if (__builtin_amdgcn_readfirstlane(before) != parts - 1) return false;
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "agent");
    return true;
}
