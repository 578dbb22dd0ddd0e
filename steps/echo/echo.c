/* The trivial step: answers every request with the items it was given, unchanged.
 *
 * It is a whole step in one static program without any library, so it costs what starting a container
 * costs and nothing else: the benchmark's yardstick. It copies two values out of the request's text, the
 * task's id and the list of items, and so shows how little the step contract asks of a step.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct span {
    const char *start;
    const char *end;
};

/* Behind the JSON value that starts at `at`, or NULL if the text ends first. */
static const char *skip_value(const char *at, const char *end)
{
    int depth = 0, in_string = 0;
    for (; at < end; at++) {
        if (in_string) {
            if (*at == '\\')
                at++;
            else if (*at == '"' && (in_string = 0, depth == 0))
                return at + 1;
        } else if (*at == '"') {
            in_string = 1;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            if (depth == 0)
                return at;
            if (--depth == 0)
                return at + 1;
        } else if (depth == 0 && *at == ',') {
            return at;
        }
    }
    return depth == 0 && !in_string ? at : NULL;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at))
        at++;
    return at;
}

/* The value of one of the request's own members; empty if it is not there. */
static struct span member(const char *line, const char *end, const char *quoted_name)
{
    struct span none = {line, line};
    size_t length = strlen(quoted_name);
    const char *at = skip_space(line, end);
    if (at == end || *at++ != '{')
        return none;
    while ((at = skip_space(at, end)) < end && *at == '"') {
        const char *name = at, *value = skip_value(at, end);
        if (!value || (value = skip_space(value, end)) == end || *value != ':')
            return none;
        value = skip_space(value + 1, end);
        const char *behind = skip_value(value, end);
        if (!behind)
            return none;
        if ((size_t)(end - name) > length && memcmp(name, quoted_name, length) == 0)
            return (struct span){value, behind};
        at = skip_space(behind, end);
        if (at < end && *at == ',')
            at++;
    }
    return none;
}

static void put(struct span text)
{
    fwrite(text.start, 1, (size_t)(text.end - text.start), stdout);
}

static void answer(const char *line, const char *end)
{
    struct span task = member(line, end, "\"task\""), items = member(line, end, "\"items\"");
    if (task.start == task.end || items.start == items.end) {
        fputs("{\"task\":\"\",\"error\":{\"kind\":\"bad_input\",\"message\":\"not a request\"}}\n", stdout);
    } else {
        fputs("{\"task\":", stdout);
        put(task);
        fputs(",\"items\":", stdout);
        put(items);
        fputs("}\n", stdout);
    }
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
    ssize_t length;
    signal(SIGTERM, terminate);
    while ((length = getline(&line, &room, stdin)) > 0)
        if (skip_space(line, line + length) < line + length)
            answer(line, line + length);
    return ferror(stdin) ? 1 : 0;
}
