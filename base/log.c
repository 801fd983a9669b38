#include "base/log.h"

#include "base/memory.h"
#include "base/strbuf.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

// The process has one log; set once before threads start.
static struct {
    enum log_level level;
    int fd;
    const struct clock *clock;
} settings = {.level = LOG_LEVEL_INFO, .fd = STDERR_FILENO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_configure(enum log_level level, int fd, const struct clock *clock)
{
    settings.level = level;
    settings.fd = fd;
    settings.clock = clock;
}

int log_level_parse(const char *text, enum log_level *ret_level, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "log level \"%.20s\" is none of debug, info, warn, error",
                     text);
}

_Bool log_enabled(enum log_level level)
{
    return level >= settings.level;
}

static void add_quoted(struct strbuf *line, const char *text)
{
    strbuf_addch(line, '"');
    for (; *text != '\0'; text++) {
        unsigned char ch = (unsigned char)*text;
        if (ch == '"' || ch == '\\')
            strbuf_addf(line, "\\%c", ch);
        else if (ch == '\n')
            strbuf_addstr(line, "\\n");
        else if (ch < 0x20 || ch == 0x7f)
            strbuf_addf(line, "\\u%04x", ch);
        else
            strbuf_addch(line, (char)ch);
    }
    strbuf_addch(line, '"');
}

static void add_pair(struct strbuf *line, const char *key, const char *value)
{
    // A pair that does not fit is left out whole, so that the line stays JSON.
    size_t before = line->len;
    strbuf_addch(line, ',');
    add_quoted(line, key);
    strbuf_addch(line, ':');
    add_quoted(line, value);
    if (line->overflowed) {
        strbuf_truncate(line, before);
        line->overflowed = false;
    }
}

void log_write(enum log_level level, const char *message, ...)
{
    if (!log_enabled(level))
        return;
    char now[TIME_TEXT_SIZE];
    time_format_ms(clock_wall_ms(settings.clock != NULL ? settings.clock : clock_system()), now);
    cleanup_strbuf struct strbuf line;
    strbuf_init(&line, 16 * 1024);
    strbuf_addf(&line, "{\"level\":\"%s\",\"ts\":\"%s\"", level_names[level], now);
    add_pair(&line, "msg", message);
    va_list args;
    va_start(args, message);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;) {
        const char *value = va_arg(args, const char *);
        if (value != NULL)
            add_pair(&line, key, value);
    }
    va_end(args);
    line.max += 2;
    strbuf_addstr(&line, "}\n");
    // One write a line keeps lines of several threads apart; a log that cannot be written is not an
    // error.
    if (write(settings.fd, line.data, line.len) < 0)
        return;
}
