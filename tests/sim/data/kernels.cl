// Two small kernels for the tests of the code object reader. kernels_v4.hsaco, _v5 and _v6 were made with clang 19, for N = 4, 5, 6:
//   clang -x cl -cl-std=CL2.0 -cl-kernel-arg-info -target amdgcn-amd-amdhsa -mcpu=gfx803 -nogpulib -O3 -gline-tables-only
//         -fdebug-compilation-dir=. -mcode-object-version=N kernels.cl -o kernels_vN.hsaco
__attribute__((amdgpu_flat_work_group_size(256, 256))) kernel void axpy(global float *x, global const float *y, float a, int n) {
    local float tile[256];
    int lane = __builtin_amdgcn_workitem_id_x();
    int i = __builtin_amdgcn_workgroup_id_x() * __builtin_amdgcn_workgroup_size_x() + lane;
    tile[lane] = i < n ? y[i] : 0.f;
    __builtin_amdgcn_s_barrier();
    if (i < n) x[i] = a * tile[255 - lane] + x[i];
}

__attribute__((reqd_work_group_size(8, 4, 2))) kernel void sizes(global double *out, short s, char c) {
    int x = __builtin_amdgcn_workitem_id_x(), y = __builtin_amdgcn_workitem_id_y(), z = __builtin_amdgcn_workitem_id_z();
    volatile int in_scratch[16];
    for (int i = 0; i < 16; ++i) in_scratch[i] = i * x;
    out[x + y * 8 + z * 32] = in_scratch[y + z] + s + c + __builtin_amdgcn_workgroup_id_z();
}
