#include "controller/stages.h"

#include "base/strbuf.h"

#include <time.h>

static int64_t now_us(void)
{
    // Not the injected clock: this measures the machine, it decides nothing.
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void stages_begin(struct stages *stages, const char *name)
{
    int64_t now = now_us();
    if (stages->running != NULL && stages->n < STAGES_MAX) {
        stages->done[stages->n].name = stages->running;
        stages->done[stages->n].us = now - stages->since_us;
        stages->n++;
    }
    stages->running = name;
    stages->since_us = now;
}

char *stages_text(const struct stages *stages)
{
    struct strbuf text;
    strbuf_init(&text, 1024);
    for (size_t i = 0; i < stages->n; i++)
        strbuf_addf(&text, "%s%s=%.1f", i > 0 ? " " : "", stages->done[i].name,
                    (double)stages->done[i].us / 1000);
    return strbuf_steal(&text);
}

double stages_seconds(const struct stages *stages)
{
    int64_t us = 0;
    for (size_t i = 0; i < stages->n; i++)
        us += stages->done[i].us;
    return (double)us / 1000000;
}
