// How long each stage of a flow took: for one log line, and for whoever asks where the time went.
#ifndef CONTROLLER_STAGES_H
#define CONTROLLER_STAGES_H

#include <stddef.h>
#include <stdint.h>

enum { STAGES_MAX = 12 };

struct stages {
    struct {
        const char *name; // static
        int64_t us;
    } done[STAGES_MAX];
    size_t n;
    const char *running;
    int64_t since_us;
};

// Ends the stage that runs and starts another; NULL only ends it. `name` is static.
void stages_begin(struct stages *stages, const char *name);
// "resolve=1.2 fetch=8.4 render=0.7" in milliseconds; owned.
char *stages_text(const struct stages *stages);

// All of them together.
double stages_seconds(const struct stages *stages);

#endif
