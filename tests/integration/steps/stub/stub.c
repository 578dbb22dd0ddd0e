/* A step that writes much, waits or forks as params["do"] says, and gives back the items that it was given.
 *
 * With params["hold"] it answers only once there is a file /batch/go, which the test makes when it is ready for that.
 * Started with the argument "deaf" it never reads its input, answers a task of its own making, and ends.
 * It knows the order in which the coordinator writes the members of a request, and nothing of JSON.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

static void flood(int stream, long megabytes, char letter)
{
    static char chunk[CHUNK];
    memset(chunk, letter, CHUNK);
    for (; megabytes > 0; megabytes--)
        for (size_t at = 0; at < CHUNK;) {
            ssize_t written = write(stream, chunk + at, CHUNK - at);
            if (written < 0)
                _exit(9);
            at += (size_t)written;
        }
}

static int does(const char *request, const char *what)
{
    char member[64];
    snprintf(member, sizeof member, "\"do\":\"%s\"", what);
    return strstr(request, member) != NULL;
}

static long number(const char *request, const char *member)
{
    const char *at = strstr(request, member);
    return at ? atol(at + strlen(member)) : 0;
}

static void answer(const char *request)
{
    const char *task = strstr(request, "\"task\":"), *step = strstr(request, ",\"step\":");
    const char *items = strstr(request, "\"items\":"), *region = strstr(request, ",\"region\":");
    printf("{%.*s,%.*s}\n", (int)(step - task), task, (int)(region - items), items);
    fflush(stdout);
}

static void serve(const char *request)
{
    long megabytes = number(request, "\"megabytes\":");
    if (does(request, "stderr"))
        flood(2, megabytes, 'e');
    if (does(request, "junk"))
        flood(1, megabytes, 'x');
    if (does(request, "blank"))
        flood(1, megabytes, '\n');
    if (does(request, "endless") || does(request, "both")) {
        if (does(request, "both"))
            flood(2, megabytes, 'e');
        if (write(1, "{\"task\": \"", 10) == 10)
            flood(1, megabytes, 'a');
    }
    while (number(request, "\"hold\":") && access("/batch/go", F_OK) != 0)
        usleep(10000);
    usleep((useconds_t)number(request, "\"milliseconds\":") * 1000);
    if (does(request, "daemon") && fork() == 0) {
        sleep(600); /* and holds stdout and stderr open */
        _exit(0);
    }
    answer(request);
}

/* A container's first process gets no signal that it has no handler for. */
static void terminate(int number)
{
    _exit(128 + number);
}

int main(int count, char **arguments)
{
    char *line = NULL;
    size_t room = 0;
    signal(SIGTERM, terminate);
    if (count > 1 && strcmp(arguments[1], "deaf") == 0) {
        puts("{\"task\":\"step/a.jpg\",\"items\":[{\"id\":\"deaf\"}]}");
        return 0;
    }
    while (getline(&line, &room, stdin) > 0)
        serve(line);
    return 0;
}
