// A folder with the store on files in it, for tests of what works on a store.
#ifndef FAKE_PLACE_H
#define FAKE_PLACE_H

#include "api/store.h"
#include "base/clock.h"

struct fake_place {
    char *dir;
    char *config;
    char *state;
    struct fake_clock clock;
    struct store *store; // NULL until fake_place_open
};

void fake_place_init(struct fake_place *place);
void fake_place_release(struct fake_place *place);
// Opens the store, or opens it again so that it sees what the files say now.
void fake_place_open(struct fake_place *place);
// Writes a file of the configuration; the store sees it when it is opened.
void fake_place_put(const struct fake_place *place, const char *name, const char *text);

#endif
