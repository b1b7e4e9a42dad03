// Ordinary HIP: thread ids, __shared__, plain pointers, blockDim and gridDim. Nothing of amdc's.
// The few names that the HIP headers would give stand here, so that clang alone compiles it.
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define THREAD_X __builtin_amdgcn_workitem_id_x()
#define THREAD_Y __builtin_amdgcn_workitem_id_y()
#define BLOCK_X __builtin_amdgcn_workgroup_id_x()
#define BLOCK_Y __builtin_amdgcn_workgroup_id_y()
#define BLOCK_DIM_X __builtin_amdgcn_workgroup_size_x()
#define BLOCK_DIM_Y __builtin_amdgcn_workgroup_size_y()
#define GRID_SIZE_X __builtin_amdgcn_grid_size_x()
#define SYNC() __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup"), __builtin_amdgcn_s_barrier(), __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup")

// c = a b, row-major, one thread an element; the block may have any size.
extern "C" __global__ void gemm_naive(const float *a, const float *b, float *c, int m, int n, int k) {
    int column = BLOCK_X * BLOCK_DIM_X + THREAD_X, row = BLOCK_Y * BLOCK_DIM_Y + THREAD_Y;
    if (row >= m || column >= n) return;
    float total = 0;
    for (int i = 0; i < k; ++i) total += a[row * k + i] * b[i * n + column];
    c[row * n + column] = total;
}

// c = a b with 16x16 tiles in LDS; blocks of 16x16.
extern "C" __global__ void gemm_tiled(const float *a, const float *b, float *c, int m, int n, int k) {
    __shared__ float left[16][16], right[16][16];
    int x = THREAD_X, y = THREAD_Y, column = BLOCK_X * 16 + x, row = BLOCK_Y * 16 + y;
    float total = 0;
    for (int start = 0; start < k; start += 16) {
        left[y][x] = row < m && start + x < k ? a[row * k + start + x] : 0.0f;
        right[y][x] = start + y < k && column < n ? b[(start + y) * n + column] : 0.0f;
        SYNC();
        for (int i = 0; i < 16; ++i) total += left[y][i] * right[i][x];
        SYNC();
    }
    if (row < m && column < n) c[row * n + column] = total;
}

// Sum of x by a grid-stride loop, dynamic LDS (one float a thread) and an integer atomic that counts finished blocks.
extern __shared__ float partial[];
extern "C" __global__ void block_sums(const float *x, float *sums, int *finished, int count) {
    unsigned thread = THREAD_X, size = BLOCK_DIM_X;
    float total = 0;
    for (unsigned i = BLOCK_X * size + thread; i < (unsigned)count; i += GRID_SIZE_X) total += x[i];
    partial[thread] = total;
    SYNC();
    for (unsigned half = 1; half < size; half *= 2) {
        float other = thread % (2 * half) == 0 && thread + half < size ? partial[thread + half] : 0.0f;
        SYNC();
        if (thread % (2 * half) == 0) partial[thread] += other;
        SYNC();
    }
    if (thread == 0) {
        sums[BLOCK_X] = partial[0];
        __atomic_fetch_add(finished, 1, __ATOMIC_RELAXED);
    }
}

// An array that stays in private memory: out[i] = sums of table entries, indices known at run time only.
extern "C" __global__ void private_table(const int *data, int *out, int count, int rounds) {
    int i = BLOCK_X * BLOCK_DIM_X + THREAD_X;
    if (i >= count) return;
    int table[96];
    for (int j = 0; j < 96; ++j) table[j] = data[i] * j;
    int total = 0;
    for (int j = 0; j < rounds; ++j) {
        total += table[(unsigned)(data[i] + j) % 96];
        table[(unsigned)(total + j) % 96] ^= j;
    }
    out[i] = total;
}

// Calls through a function that is not inlined, and 64-bit and byte types.
__device__ __attribute__((noinline)) long mix(long value, unsigned char by) { return (value ^ by) * 6364136223846793005L + by; }
extern "C" __global__ void calls(const long *in, const unsigned char *bytes, long *out, int count) {
    int i = BLOCK_X * BLOCK_DIM_X + THREAD_X;
    if (i >= count) return;
    long value = in[i];
    for (int j = 0; j < 3; ++j) value = mix(value, bytes[i] + j);
    out[i] = value;
}
