/* As much of NVIDIA's NVML as an inventory asks: two GPUs of 8 GiB, if the variable GPURIG says "whole".
 *
 * If it says "cut", the second one is cut into two MIG devices of 3 GiB, at the first and the third of four places.
 * Without the variable there is no driver, so that whoever has loaded this library sees what he saw before.
 * A handle is the last digit of a UUID, and 1 more: NULL is none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK, NOT_SUPPORTED = 3, NOT_FOUND = 6, NO_DRIVER = 9 };
typedef char *handle;
typedef struct {
    unsigned long long total, free, used;
} memory;

static int is(const char *what)
{
    const char *said = getenv("GPURIG");
    return said && strcmp(said, what) == 0;
}

static long number(handle device)
{
    return device - (handle)1;
}

int nvmlInitWithFlags(unsigned flags)
{
    return flags == 0 && (is("whole") || is("cut")) ? OK : NO_DRIVER;
}

int nvmlShutdown(void)
{
    return OK;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 2;
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, handle *device)
{
    *device = (handle)1 + index;
    return OK;
}

int nvmlDeviceGetUUID(handle device, char *uuid, unsigned length)
{
    const char *kind = number(device) < 2 ? "GPU" : "MIG";
    snprintf(uuid, length, "%s-00000000-0000-0000-0000-00000000000%ld", kind, number(device));
    return OK;
}

int nvmlDeviceGetMemoryInfo(handle device, memory *info)
{
    memset(info, 0, sizeof *info);
    info->total = (number(device) < 2 ? 8ULL : 3ULL) << 30;
    return OK;
}

int nvmlDeviceGetMigMode(handle device, unsigned *now, unsigned *next)
{
    *now = *next = is("cut");
    return number(device) == 1 ? OK : NOT_SUPPORTED;
}

int nvmlDeviceGetMaxMigDeviceCount(handle device, unsigned *count)
{
    *count = number(device) == 1 ? 4 : 0;
    return OK;
}

int nvmlDeviceGetMigDeviceHandleByIndex(handle device, unsigned index, handle *part)
{
    *part = device + 1 + index / 2;
    return index % 2 ? NOT_FOUND : OK;
}

const char *nvmlErrorString(int code)
{
    return code == NO_DRIVER ? "driver not loaded" : "not there";
}
