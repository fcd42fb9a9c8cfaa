/* A stand-in for libnvidia-ml.so.1, controlled by environment variables that are read anew at each
 * call. NVML_COUNT is how many GPUs there are; NVML_<QUANTITY>_<GPU> is a value, or !<code> for the
 * NVML error of that code; what is not set is not supported. NVML_WATTS_<GPU> is a GPU that works:
 * its energy grows by so many watts, and its power is that, give or take a milliwatt.
 * NVML_GAUGE_FACTOR_<GPU> makes that power wrong by a factor. NVML_LEVEL names a file with a number
 * from 0 to 1: a GPU that works takes its watts at 1, and a fifth of them at 0. A period in seconds may
 * follow: it works for that part of each period, and steadily where that is 0.02 s or less, as a
 * driver averages. NVML_PID_<GPU> is a process that computes on it, 1 for the caller's own. The macro
 * WITHOUT_<function> leaves a function out of the library, as an older driver does.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOT_SUPPORTED 3
#define INVALID_ARGUMENT 2
#define INSUFFICIENT_SIZE 7

typedef struct {
    uint32_t field, scope;
    int64_t timestamp, latency;
    int type, status;
    union {
        double d;
        unsigned int ui;
        unsigned long long ull;
    } value;
} field_value;

typedef struct {
    unsigned int version, kind;
    int degrees;
} temperature_v1;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The part of its watts that a GPU takes now. */
static double part(void) {
    static _Thread_local double level = 1, period = 0;
    const char *path = getenv("NVML_LEVEL");
    FILE *file = path ? fopen(path, "r") : NULL;
    double first, second = 0;
    if (!path) return 1;
    if (file) { /* else it is being replaced */
        int found = fscanf(file, "%lf %lf", &first, &second);
        if (found > 0) level = first, period = found > 1 ? second : 0;
        fclose(file);
    }
    double periods = period > 0.02 ? now() / period : 0;
    double on = period > 0.02 ? periods - (double)(long)periods < level : level;
    return 0.2 + 0.8 * on;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double sum, until;

static void *count(void *ignored) {
    (void)ignored;
    for (;;) {
        double level = part();
        usleep(4000);
        double time = now();
        pthread_mutex_lock(&lock);
        sum += level * (time - until);
        until = time;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* Seconds at full watts that the GPUs have counted until now: by a thread, where the level changes. */
static double counted(void) {
    if (!getenv("NVML_LEVEL")) return now();
    pthread_mutex_lock(&lock);
    if (until == 0) {
        pthread_t thread;
        sum = until = now();
        if (pthread_create(&thread, NULL, count, NULL)) abort();
    }
    double result = sum;
    pthread_mutex_unlock(&lock);
    return result;
}

static int working(const char *quantity, long gpu, unsigned long long *value) {
    char name[64];
    snprintf(name, sizeof name, "NVML_WATTS_%ld", gpu);
    const char *watts = getenv(name);
    if (gpu < 0 || !watts) return NOT_SUPPORTED;
    snprintf(name, sizeof name, "NVML_GAUGE_FACTOR_%ld", gpu);
    const char *factor = getenv(name);
    double milliwatts = 1e3 * atof(watts);
    if (!strcmp(quantity, "ENERGY")) *value = (unsigned long long)(milliwatts * counted());
    else if (!strcmp(quantity, "USAGE")) {
        double shown = milliwatts * part() * (factor ? atof(factor) : 1);
        *value = (unsigned long long)shown + (unsigned long long)(now() * 100) % 2;
    } else return NOT_SUPPORTED;
    return 0;
}

static int answer(const char *quantity, long gpu, unsigned long long *value) {
    char name[64];
    snprintf(name, sizeof name, gpu < 0 ? "NVML_%s" : "NVML_%s_%ld", quantity, gpu);
    const char *text = getenv(name);
    if (!text) return working(quantity, gpu, value);
    if (text[0] == '!') return atoi(text + 1);
    *value = strtoull(text, NULL, 10);
    return 0;
}

/* A handle is the GPU's number plus one. */
static long gpu_of(void *handle) { return (long)(intptr_t)handle - 1; }

static int answer_uint(const char *quantity, void *handle, unsigned int *value) {
    unsigned long long wide = 0;
    int status = answer(quantity, gpu_of(handle), &wide);
    *value = (unsigned int)wide;
    return status;
}

int nvmlInitWithFlags(unsigned int flags) {
    unsigned long long ignored;
    (void)flags;
    return getenv("NVML_INIT") ? answer("INIT", -1, &ignored) : 0;
}

int nvmlShutdown(void) { return 0; }

const char *nvmlErrorString(int code) {
    (void)code;
    return "as the mock was told";
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
    unsigned long long wide = 0;
    int status = answer("COUNT", -1, &wide);
    *count = (unsigned int)wide;
    return status;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) {
    unsigned long long ignored;
    *handle = (void *)(intptr_t)(index + 1);
    int status = answer("HANDLE", index, &ignored);
    return status == NOT_SUPPORTED ? 0 : status;
}

int nvmlDeviceGetName(void *handle, char *name, unsigned int length) {
    snprintf(name, length, "Mock GPU %ld", gpu_of(handle));
    return 0;
}

int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    snprintf(version, length, "1.2.3");
    return 0;
}

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned int length) {
    snprintf(uuid, length, "GPU-%ld", gpu_of(handle));
    return 0;
}

#ifndef WITHOUT_nvmlDeviceGetTotalEnergyConsumption
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules) {
    return answer("ENERGY", gpu_of(handle), millijoules);
}
#endif

#ifndef WITHOUT_nvmlDeviceGetFieldValues
int nvmlDeviceGetFieldValues(void *handle, int count, field_value *values) {
    for (int i = 0; i < count; i++) {
        unsigned long long wide = 0, stamp = 0;
        if (values[i].field != 186) return INVALID_ARGUMENT; /* NVML_FI_DEV_POWER_INSTANT */
        values[i].status = answer("INSTANT", gpu_of(handle), &wide);
        values[i].type = 1; /* NVML_VALUE_TYPE_UNSIGNED_INT */
        values[i].value.ui = (unsigned int)wide;
        answer("STAMP", gpu_of(handle), &stamp);
        values[i].timestamp = (int64_t)stamp;
    }
    return 0;
}
#endif

int nvmlDeviceGetPowerUsage(void *handle, unsigned int *milliwatts) {
    return answer_uint("USAGE", handle, milliwatts);
}

#ifndef WITHOUT_nvmlDeviceGetTemperatureV
int nvmlDeviceGetTemperatureV(void *handle, temperature_v1 *asked) {
    unsigned int degrees = 0;
    if (asked->version != 0x100000C || asked->kind != 0) return INVALID_ARGUMENT;
    int status = answer_uint("DEGREES", handle, &degrees);
    asked->degrees = (int)degrees;
    return status;
}
#endif

int nvmlDeviceGetTemperature(void *handle, int kind, unsigned int *degrees) {
    return kind == 0 ? answer_uint("OLD_DEGREES", handle, degrees) : INVALID_ARGUMENT;
}

#ifndef WITHOUT_nvmlDeviceGetCurrentClocksEventReasons
int nvmlDeviceGetCurrentClocksEventReasons(void *handle, unsigned long long *bits) {
    return answer("CLOCKS", gpu_of(handle), bits);
}
#endif

int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *bits) {
    return answer("OLD_CLOCKS", gpu_of(handle), bits);
}

typedef struct {
    unsigned int pid;
    unsigned long long memory;
    unsigned int gpu_instance, compute_instance;
} process_info;

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned int *count, process_info *list) {
    unsigned long long pid = 0;
    int status = answer("PID", gpu_of(handle), &pid);
    unsigned int room = *count;
    *count = status == 0;
    if (status) return status == NOT_SUPPORTED ? 0 : status;
    if (room < 1) return INSUFFICIENT_SIZE;
    memset(list, 0, sizeof *list);
    list->pid = pid == 1 ? (unsigned int)getpid() : (unsigned int)pid;
    return 0;
}
