/* Serves a program's stdin and stdout on a unix socket: every connection gets a fresh process of the program.
 *
 *     lane SOCKET -- COMMAND [ARGUMENT...]
 *     lane --install FILE          copies this program to FILE, for an image that does not have it
 *
 * It is for pods, where no container engine can be asked for a step's container: there the unchanged step image is a
 * container that was started with this program in front of its command, and shares the socket's folder with whoever has
 * tasks. The connection itself is the process's stdin and stdout, so this program never touches what they say. What
 * it adds is the end: once the process has ended, the last bytes of the connection are a NUL byte, "exit ", its exit
 * code in three digits (128 and the signal if one killed it) and a line feed.
 *
 *     what happens                         what follows
 *     -----------------------------------  ----------------------------------------------------------------
 *     the client ends its output           the process's input ends
 *     the client has gone                  the process is killed, with all of its group, before anybody else
 *                                          gets a process
 *     the process ends                     what is left of its group is killed, the client is told, and the
 *                                          connection ends
 *     SIGTERM or SIGINT                    all processes are killed and the socket is removed; exit code 0
 *     MAX_LANES connections are open       further ones wait
 *
 * Beside SOCKET, whose name ends in .sock, lies what there is to know of the program, as JSON in a file of the same name
 * with .json: "step" is what the variable COORDINATOR_STEP holds (JSON: the image, its labels), "user" whom it runs as,
 * and "shared" the folder of the variable COORDINATOR_SHARED with its device and inode as seen from here, by which
 * another container can tell whether it sees the same one.
 *
 * As a container's first process it also reaps what others leave behind. stderr is the container's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_LANES = 64, LAST_WORDS = 10, NO_COMMAND = 127, CANNOT_START = 126 };

/* One connection: a process, or, with pid 0, the exit code that its client is still to be told. */
struct lane {
    int connection;
    pid_t pid;
    int exit_code;
};

static struct lane lanes[MAX_LANES];
static int lane_count;

static void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fprintf(stderr, "lane: ");
    vfprintf(stderr, format, values);
    fprintf(stderr, "%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
    exit(2);
}

/* -- one connection ------------------------------------------------------------------------------------ */

static pid_t start(int connection, char *const command[])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    dup2(connection, STDIN_FILENO);
    dup2(connection, STDOUT_FILENO);
    execvp(command[0], command);
    dprintf(STDERR_FILENO, "lane: cannot start %s: %s\n", command[0], strerror(errno));
    _exit(NO_COMMAND);
}

static void open_lane(int listener, char *const command[])
{
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0)
        return; /* the client has gone again */
    pid_t pid = start(connection, command);
    if (pid < 0)
        perror("lane: fork");
    else
        setpgid(pid, pid); /* as the process itself does: whoever of the two comes first */
    lanes[lane_count++] = (struct lane){connection, pid < 0 ? 0 : pid, CANNOT_START};
}

static void close_lane(struct lane *lane)
{
    static char unread[1 << 16];
    /* A process that has left its group may hold the connection, too: this ends it for all of them. */
    shutdown(lane->connection, SHUT_RDWR);
    /* Closed with something unread, the connection would end in an error instead of its last words. */
    while (recv(lane->connection, unread, sizeof unread, MSG_DONTWAIT) > 0)
        ;
    close(lane->connection);
    *lane = lanes[--lane_count];
}

/* The client has gone. The process is waited for, so that it writes nothing while the next one runs. */
static void abandon(struct lane *lane)
{
    if (lane->pid) {
        kill(-lane->pid, SIGKILL);
        waitpid(lane->pid, NULL, 0);
    }
    close_lane(lane);
}

/* Tells the client how its process ended. A client with an unread backlog is told when it has read that. */
static void tell_end(struct lane *lane)
{
    char words[LAST_WORDS + 1];
    snprintf(words, sizeof words, "%cexit %03d\n", 0, lane->exit_code);
    if (send(lane->connection, words, LAST_WORDS, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
        return;
    close_lane(lane);
}

static void reap(void)
{
    siginfo_t ended = {0};
    /* Looked at first and reaped last: until then nobody else can have its number. */
    while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid) {
        for (int number = 0; number < lane_count; number++)
            if (lanes[number].pid == ended.si_pid) {
                kill(-ended.si_pid, SIGKILL);
                lanes[number].pid = 0;
                lanes[number].exit_code = ended.si_code == CLD_EXITED ? ended.si_status : 128 + ended.si_status;
            }
        waitpid(ended.si_pid, NULL, 0);
        ended.si_pid = 0;
    }
}

/* -- the loop ------------------------------------------------------------------------------------------ */

/* Whether it was told to end. */
static int took_signal(int signals)
{
    struct signalfd_siginfo told;
    if (read(signals, &told, sizeof told) != sizeof told)
        return 0;
    reap();
    return told.ssi_signo != SIGCHLD;
}

static void serve(int listener, int signals, char *const command[])
{
    for (;;) {
        struct pollfd watched[2 + MAX_LANES] = {
            {signals, POLLIN, 0},
            {lane_count < MAX_LANES ? listener : -1, POLLIN, 0},
        };
        for (int number = 0; number < lane_count; number++)
            watched[2 + number] = (struct pollfd){lanes[number].connection, lanes[number].pid ? 0 : POLLOUT, 0};
        if (poll(watched, 2 + (nfds_t)lane_count, -1) < 0 && errno != EINTR)
            fail("poll");
        /* Backwards, because the last one takes the place of one that is closed. Those who have gone before those
         * who come: a client that closes and connects again finds its process dead. */
        for (int number = lane_count - 1; number >= 0; number--) {
            if (watched[2 + number].revents & (POLLHUP | POLLERR))
                abandon(&lanes[number]);
            else if (watched[2 + number].revents & POLLOUT)
                tell_end(&lanes[number]);
        }
        if (watched[0].revents && took_signal(signals))
            return;
        if (watched[1].revents & POLLIN)
            open_lane(listener, command);
    }
}

/* -- its beginning ------------------------------------------------------------------------------------- */

/* Makes room for the socket: one that was left by a container that has been started again goes. */
static void clear(const char *path, const struct sockaddr_un *address)
{
    struct stat state;
    if (lstat(path, &state))
        return;
    errno = 0;
    if (!S_ISSOCK(state.st_mode))
        fail("%s is there already, and is no socket", path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int is_taken = probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    errno = 0;
    if (is_taken)
        fail("another lane listens at %s: every step has a name of its own", path);
    close(probe);
    unlink(path);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    errno = 0;
    if (strlen(path) >= sizeof address.sun_path)
        fail("the socket's path is longer than %zu bytes: %s", sizeof address.sun_path - 1, path);
    strcpy(address.sun_path, path);
    clear(path, &address);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, SOMAXCONN))
        fail("cannot listen at %s", path);
    return listener;
}

/* Writes what there is to know beside the socket, complete or not at all. */
static void describe(const char *path)
{
    const char *step = getenv("COORDINATOR_STEP"), *shared = getenv("COORDINATOR_SHARED");
    struct stat state = {0};
    errno = 0;
    if (shared && strpbrk(shared, "\"\\\n"))
        fail("COORDINATOR_SHARED is no plain path: %s", shared);
    if (shared && stat(shared, &state))
        fail("COORDINATOR_SHARED: %s", shared);
    char name[sizeof(struct sockaddr_un) + 8], aside[sizeof name + 4];
    snprintf(name, sizeof name, "%.*s.json", (int)strlen(path) - 5, path);
    snprintf(aside, sizeof aside, "%s.new", name);
    FILE *file = fopen(aside, "w");
    if (!file)
        fail("cannot write %s", aside);
    fprintf(file, "{\"step\": %s, \"user\": %d, ", step ? step : "null", (int)getuid());
    fprintf(file, "\"shared\": \"%s\", \"seen\": \"%lu:%lu\"}\n", shared ? shared : "",
            (unsigned long)state.st_dev, (unsigned long)state.st_ino);
    if (fclose(file) || rename(aside, name))
        fail("cannot write %s", name);
}

static int install(const char *target)
{
    char aside[4096];
    snprintf(aside, sizeof aside, "%s.new", target);
    int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int copy = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ssize_t copied = -1;
    if (own < 0 || copy < 0)
        fail("cannot write %s", aside);
    while ((copied = sendfile(copy, own, NULL, 1 << 20)) > 0)
        ;
    if (copied < 0 || fchmod(copy, 0755) || close(copy) || rename(aside, target)) {
        int why = errno;
        unlink(aside);
        errno = why;
        fail("cannot write %s", target);
    }
    return 0;
}

int main(int count, char *arguments[])
{
    if (count == 3 && !strcmp(arguments[1], "--install"))
        return install(arguments[2]);
    size_t length = count > 1 ? strlen(arguments[1]) : 0;
    if (count < 4 || strcmp(arguments[2], "--") || length < 6 || strcmp(arguments[1] + length - 5, ".sock")) {
        fprintf(stderr, "usage: lane NAME.sock -- COMMAND [ARGUMENT...]\n       lane --install FILE\n");
        return 2;
    }
    sigset_t handled;
    sigemptyset(&handled);
    sigaddset(&handled, SIGCHLD);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigprocmask(SIG_BLOCK, &handled, NULL);
    int signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        fail("signalfd");
    int listener = listen_at(arguments[1]);
    describe(arguments[1]);
    serve(listener, signals, arguments + 3);
    while (lane_count)
        abandon(&lanes[0]);
    unlink(arguments[1]);
    return 0;
}
