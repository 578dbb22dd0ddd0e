/* A step that adds to its one item, by the name of the step, which GPUs it has (as /dev/gpu0), and when it had them.
 *
 * With params["needs"] it fails if it has none. With params["write"] it writes the item into a file instead, and adds where that is.
 * With params["hold"] it answers only once there is a file /batch/go, which the test makes when it is ready for that.
 * It knows the order in which the coordinator writes the members of a request, and nothing of JSON.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GPUS = 10 };

/* Seconds since the machine was started, whatever container counts them. */
static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int has_gpu(int number)
{
    char path[32];
    snprintf(path, sizeof path, "/dev/gpu%d", number);
    return access(path, F_OK) == 0;
}

static int has_none(void)
{
    for (int number = 0; number < GPUS; number++)
        if (has_gpu(number))
            return 0;
    return 1;
}

static void add_gpus(double began)
{
    const char *comma = "";
    printf("\"gpus\":[");
    for (int number = 0; number < GPUS; number++) {
        if (has_gpu(number)) {
            printf("%s%d", comma, number);
            comma = ",";
        }
    }
    printf("],\"began\":%.6f,\"ended\":%.6f", began, now());
}

static void add_file(const char *request, const char *items, size_t length)
{
    char path[4096];
    const char *folder = strstr(request, "\"work_dir\":\"") + strlen("\"work_dir\":\"");
    snprintf(path, sizeof path, "%.*s/seen.txt", (int)strcspn(folder, "\""), folder);
    FILE *file = fopen(path, "w");
    if (!file || fwrite(items, 1, length, file) != length || fclose(file) != 0)
        exit(1);
    printf("\"image\":\"%s\"", path);
}

static void serve(const char *request)
{
    double began = now();
    const char *task = strstr(request, "\"task\":"), *step = strstr(request, ",\"step\":");
    const char *items = strstr(request, "\"items\":"), *region = strstr(request, "}],\"region\":");
    while (strstr(request, "\"hold\":true") && access("/batch/go", F_OK) != 0)
        usleep(10000);
    const char *name = step + strlen(",\"step\":");
    if (strstr(request, "\"needs\":true") && has_none()) {
        printf("{%.*s,\"error\":{\"kind\":\"internal\",\"message\":\"no GPU\"}}\n", (int)(step - task), task);
        fflush(stdout);
        return;
    }
    printf("{%.*s,%.*s,%.*s:{", (int)(step - task), task, (int)(region - items), items, (int)strcspn(name, ","), name);
    if (strstr(request, "\"write\":true"))
        add_file(request, items, (size_t)(region - items));
    else
        add_gpus(began);
    printf("}}]}\n");
    fflush(stdout);
}

/* A container's first process gets no signal that it has no handler for. */
static void terminate(int number)
{
    _exit(128 + number);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    signal(SIGTERM, terminate);
    while (getline(&line, &room, stdin) > 0)
        serve(line);
    return 0;
}
