// winograd4.h: the transforms of Winograd's F(4x4, 3x3), which its input and output kernels share.
//
// A 4x4 tile of outputs is A^T ((G g G^T) * (B^T d B)) A summed over channels, d the 6x6 inputs under it: 36 multiply-adds for 144 (Lavin
// and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016). The matrices interpolate at 0, +-NEAR, +-FAR and infinity:
// 11/16 and 11/8 make every entry of B^T and A^T exact in fp32, and the error 8 times that of a direct sum instead of 33 at the usual 1 and
// 2 (standard deviations, random filters, worst output of a tile; see codegen/lowerings/winograd4_filters.py). The multiplications that
// 1 and 2 would save are free: these kernels wait for DRAM.
//
// Predicted on an RX 580 (simulated), the three launches with 26 us each, in brackets winograd.hip's one launch (32x8): batch 1, 128 channels
// at 112x112 479 us (489), 256 at 56x56 407 (532), 512 at 28x28 381 (713); batch 8, 256 at 14x14 269 (380), 512 at 7x7 316 (360); but 128 at 28x28
// 308 (261), 64 at 56x56 419 (279): there the 36 values a tile and channel, written and read twice, take longer than the products.
// Error of 128 channels at 56x56, rectified inputs (simulated): 9.0e-7 of |filter| * rms(input), standard deviation; a direct sum's is 4.2e-7.
// One launch for products and output transform would save a quarter of that traffic, but 36 points of a 32x32 tile are 144 sums a lane, one
// wave a SIMD, each fed 8 floats from LDS for 16 products: LDS would be as busy as the vector ALU, and nothing hides a wait (counted).
#define NEAR 0.6875f
#define FAR 1.375f
#define NEAR2 (NEAR * NEAR)
#define FAR2 (FAR * FAR)
#define WINOGRAD4 __attribute__((device, always_inline)) static inline

// B^T d, for one column of a window.
WINOGRAD4 void transform_input(float (&d)[6]) {
    float near_even = d[4] - FAR2 * d[2], near_odd = NEAR * (d[3] - FAR2 * d[1]);
    float far_even = d[4] - NEAR2 * d[2], far_odd = FAR * (d[3] - NEAR2 * d[1]);
    float zero = d[4] - (NEAR2 + FAR2) * d[2] + NEAR2 * FAR2 * d[0];
    float infinity = d[5] - (NEAR2 + FAR2) * d[3] + NEAR2 * FAR2 * d[1];
    d[0] = zero, d[1] = near_even + near_odd, d[2] = near_even - near_odd;
    d[3] = far_even + far_odd, d[4] = far_even - far_odd, d[5] = infinity;
}

// A^T s, for one column of a tile's sums.
WINOGRAD4 void transform_output(const float (&s)[6], float (&y)[4]) {
    float near_even = s[1] + s[2], near_odd = NEAR * (s[1] - s[2]), far_even = s[3] + s[4], far_odd = FAR * (s[3] - s[4]);
    y[0] = s[0] + near_even + far_even;
    y[1] = near_odd + far_odd;
    y[2] = NEAR2 * near_even + FAR2 * far_even;
    y[3] = NEAR2 * near_odd + FAR2 * far_odd + s[5];
}

// Where the tile's first output stands: which image, and the row and column there.
struct Window4 {
    unsigned image, y, x;

    __attribute__((device, always_inline)) Window4(unsigned tile, unsigned tiles_image, unsigned tiles_x, unsigned image_multiplier,
                                                   unsigned image_shift, unsigned x_multiplier, unsigned x_shift) {
        image = amdc_divide(tile, image_multiplier, image_shift);
        unsigned at = tile - image * tiles_image, row = amdc_divide(at, x_multiplier, x_shift);
        y = 4 * row, x = 4 * (at - row * tiles_x);
    }
};
