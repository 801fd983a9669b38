#include "cli/tell.h"

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool stderr_is_colored(void)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && (no_color == NULL || *no_color == '\0');
}

// Sentences quote what servers and repositories say.
static void put_visible(const char *text)
{
    cleanup_strbuf struct strbuf shown;
    strbuf_init(&shown, 4 * strlen(text) + 2);
    strbuf_add_visible(&shown, text, strlen(text));
    strbuf_addch(&shown, '\n');
    fputs(shown.data, stderr);
}

__attribute__((format(printf, 3, 0))) static void say(const char *mark, const char *color,
                                                      const char *format, va_list args)
{
    bool colored = stderr_is_colored();
    flockfile(stderr);
    fprintf(stderr, "%s%s%s ", colored ? color : "", mark, colored ? "\033[0m" : "");
    cleanup_free char *text = xvasprintf(format, args);
    put_visible(text);
    funlockfile(stderr);
}

#define DEFINE_TELL(name, condition, mark, color)             \
    void name(const struct cli *cli, const char *format, ...) \
    {                                                         \
        if (!(condition))                                     \
            return;                                           \
        va_list args;                                         \
        va_start(args, format);                               \
        say(mark, color, format, args);                       \
        va_end(args);                                         \
    }

DEFINE_TELL(tell_step, cli->progress, "►", "\033[36m")
DEFINE_TELL(tell_wait, cli->progress, "◎", "\033[36m")
DEFINE_TELL(tell_made, !cli_flag(cli, "quiet"), "✚", "\033[32m")
DEFINE_TELL(tell_done, !cli_flag(cli, "quiet"), "✔", "\033[32m")
DEFINE_TELL(tell_warning, !cli_flag(cli, "quiet"), "⚠", "\033[33m")

void tell_failure(const struct error *err)
{
    bool colored = stderr_is_colored();
    fprintf(stderr, "%s✗%s ", colored ? "\033[31m" : "", colored ? "\033[0m" : "");
    put_visible(error_message(err));
}

const char *tell_s(size_t count)
{
    return count == 1 ? "" : "s";
}
