/* A libamdhip64 for tests: device memory is host memory, every call is written to the file $FAKE_HIP_LOG, and the two kernels of
 * tests/support/small_model.py are computed here from their packed arguments. Signatures from HIP's hip_runtime_api.h.
 *
 * FAKE_HIP_ARCHS: the cards, such as "gfx906,gfx803". FAKE_HIP_FAIL: a function that fails with error 2.
 * -DROCM5 leaves the newer hipGetDevicePropertiesR0600 out, as ROCm 5 does. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_OF_MEMORY 2
#define NO_DEVICE 100
#define OFFSET_ROCM5 396  /* of gcnArchName in hipDeviceProp_t, 792 bytes */
#define OFFSET_ROCM6 1160 /* of gcnArchName in hipDeviceProp_tR0600, 1472 bytes */

static int called(const char *name, const char *format, ...) {
    const char *fail = getenv("FAKE_HIP_FAIL");
    FILE *log = fopen(getenv("FAKE_HIP_LOG"), "a");
    va_list arguments;
    va_start(arguments, format);
    fprintf(log, "%s ", name);
    vfprintf(log, format, arguments);
    fprintf(log, "\n");
    fclose(log);
    va_end(arguments);
    return fail && strcmp(fail, name) == 0 ? OUT_OF_MEMORY : 0;
}

static void nth_arch(int index, char *arch) {
    char list[256];
    strcpy(list, getenv("FAKE_HIP_ARCHS"));
    char *word = strtok(list, ",");
    while (index-- > 0) word = strtok(NULL, ",");
    strcpy(arch, word);
}

const char *hipGetErrorString(int error) { return error == NO_DEVICE ? "no ROCm-capable device is detected" : "out of memory"; }
int hipInit(unsigned flags) { return called("hipInit", "%u", flags); }

int hipGetDeviceCount(int *count) {
    const char *archs = getenv("FAKE_HIP_ARCHS");
    if (!*archs) return NO_DEVICE;
    for (*count = 1; (archs = strchr(archs, ',')); archs++) ++*count;
    return called("hipGetDeviceCount", "");
}

int hipSetDevice(int index) { return called("hipSetDevice", "%d", index); }

int hipDeviceGetName(char *name, int size, int index) {
    snprintf(name, size, "Fake Radeon %d", index);
    return called("hipDeviceGetName", "%d", index);
}

/* The product's name holds "gfx900" to mislead whoever takes the first string that looks like an architecture. */
static int properties(void *result, int index, size_t size, size_t offset) {
    memset(result, 0, size);
    strcpy(result, "AMD Radeon (gfx900)");
    nth_arch(index, (char *)result + offset);
    strcat((char *)result + offset, ":sramecc+:xnack-");
    return called("hipGetDeviceProperties", "%d", index);
}

#ifdef ROCM5
int hipGetDeviceProperties(void *result, int index) { return properties(result, index, 792, OFFSET_ROCM5); }
#else
int hipGetDeviceProperties(void *result, int index) { return OUT_OF_MEMORY; }
int hipGetDevicePropertiesR0600(void *result, int index) { return properties(result, index, 1472, OFFSET_ROCM6); }
#endif

int hipMalloc(void **address, size_t size) {
    *address = aligned_alloc(256, (size + 255) & ~(size_t)255);
    return called("hipMalloc", "%zu", size);
}

int hipFree(void *address) {
    free(address);
    return called("hipFree", "");
}

int hipMemcpyHtoD(void *to, void *from, size_t size) {
    memcpy(to, from, size);
    return called("hipMemcpyHtoD", "%zu", size);
}

int hipMemcpyDtoH(void *to, void *from, size_t size) {
    memcpy(to, from, size);
    return called("hipMemcpyDtoH", "%zu", size);
}

/* The size of an ELF file that ends with its section headers, as lld writes it. */
int hipModuleLoadData(void **module, const void *image) {
    const uint8_t *elf = image;
    uint64_t size = *(uint64_t *)(elf + 40) + *(uint16_t *)(elf + 58) * (uint64_t)*(uint16_t *)(elf + 60);
    uint64_t hash = 14695981039346656037u;
    for (uint64_t i = 0; i < size; i++) hash = (hash ^ elf[i]) * 1099511628211u;
    *module = malloc(1);
    return called("hipModuleLoadData", "%llu %016llx", (unsigned long long)size, (unsigned long long)hash);
}

int hipModuleUnload(void *module) {
    free(module);
    return called("hipModuleUnload", "");
}

int hipModuleGetFunction(void **function, void *module, const char *name) {
    *function = strdup(name);
    return called("hipModuleGetFunction", "%s", name);
}

struct scale { const float *x, *w; float *t, a; unsigned n; };
struct square { const float *t; float *y; unsigned n; };

int hipModuleLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned lds,
                          void *stream, void **parameters, void **extra) {
    if (parameters || extra[0] != (void *)1 || extra[2] != (void *)2 || extra[4] != (void *)3) return OUT_OF_MEMORY;
    size_t size = *(size_t *)extra[3];
    if (strcmp(function, "scale") == 0) {
        struct scale *a = extra[1];
        for (unsigned i = 0; i < a->n; i++) a->t[i] = a->a * a->x[i] + a->w[i];
    } else if (strcmp(function, "square") == 0) {
        struct square *a = extra[1];
        for (unsigned i = 0; i < a->n; i++) a->y[i] = a->t[i] * a->t[i];
    }
    return called("hipModuleLaunchKernel", "%s grid %u %u %u block %u %u %u lds %u stream %d bytes %zu", (char *)function, gx, gy, gz,
                  bx, by, bz, lds, stream != NULL, size);
}

int hipDeviceSynchronize(void) { return called("hipDeviceSynchronize", ""); }

static float now;

int hipEventCreate(void **event) {
    *event = malloc(sizeof(float));
    return called("hipEventCreate", "");
}

int hipEventRecord(void *event, void *stream) {
    *(float *)event = now;
    now = now * 2 + 1;
    return called("hipEventRecord", "stream %d", stream != NULL);
}

int hipEventSynchronize(void *event) { return called("hipEventSynchronize", ""); }

int hipEventElapsedTime(float *ms, void *start, void *stop) {
    *ms = *(float *)stop - *(float *)start;
    return called("hipEventElapsedTime", "");
}

int hipEventDestroy(void *event) {
    free(event);
    return called("hipEventDestroy", "");
}
