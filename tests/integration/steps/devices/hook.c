/* In place of NVIDIA's hook: gives a container that starts a device /dev/gpuN for each GPU that the engine names.
 *
 * The engine tells them by UUIDs in the container's environment, of which N is the last digit. Like the real one it
 * enters the container, whose files lie below their place in the bundle as yet.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { SIZE = 1 << 20, PATH = 4096 };

static char state[SIZE], config[SIZE];

static void stop(const char *what)
{
    perror(what);
    exit(1);
}

static void load(int file, char *text)
{
    size_t length = 0;
    ssize_t got;
    while ((got = read(file, text + length, SIZE - 1 - length)) > 0)
        length += (size_t)got;
    if (got < 0)
        stop("read");
}

/* The text behind `key`, up to `until`. */
static char *behind(char *text, const char *key, char until)
{
    char *at = strstr(text, key);
    if (!at)
        stop(key);
    return strndup(at + strlen(key), strcspn(at + strlen(key), (char[]){until, 0}));
}

int main(void)
{
    char path[PATH];
    load(0, state);
    snprintf(path, sizeof path, "%s/config.json", behind(state, "\"bundle\":\"", '"'));
    int file = open(path, O_RDONLY);
    if (file < 0)
        stop(path);
    load(file, config);
    char *uuids = behind(config, "\"NVIDIA_VISIBLE_DEVICES=", '"');
    char *root = behind(strstr(config, "\"root\":"), "\"path\":\"", '"');
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", atoi(behind(state, "\"pid\":", ',')));
    if ((file = open(path, O_RDONLY)) < 0 || setns(file, CLONE_NEWNS) < 0)
        stop(path);
    for (char *uuid = strtok(uuids, ","); uuid; uuid = strtok(NULL, ",")) {
        snprintf(path, sizeof path, "%s/dev/gpu%c", root, uuid[strlen(uuid) - 1]);
        if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) < 0)
            stop(path);
    }
    return 0;
}
