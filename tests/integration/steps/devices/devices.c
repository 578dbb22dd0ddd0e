/* A step that adds to its one item, by the name of the step, which GPUs it has (as /dev/gpu0), and when it had them.
 *
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

static void serve(const char *request)
{
    double began = now();
    const char *task = strstr(request, "\"task\":"), *step = strstr(request, ",\"step\":");
    const char *items = strstr(request, "\"items\":"), *region = strstr(request, "}],\"region\":");
    while (strstr(request, "\"hold\":true") && access("/batch/go", F_OK) != 0)
        usleep(10000);
    printf("{%.*s,%.*s,", (int)(step - task), task, (int)(region - items), items);
    const char *name = step + strlen(",\"step\":");
    printf("%.*s:{\"gpus\":[", (int)strcspn(name, ","), name);
    const char *comma = "";
    for (int number = 0; number < GPUS; number++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/gpu%d", number);
        if (access(path, F_OK) == 0) {
            printf("%s%d", comma, number);
            comma = ",";
        }
    }
    printf("],\"began\":%.6f,\"ended\":%.6f}}]}\n", began, now());
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
