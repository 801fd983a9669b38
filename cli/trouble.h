// What a person can do about a failure that the place where it arose cannot know: an API server
// that is not the one that was meant, a right that is missing.
#ifndef CLI_TROUBLE_H
#define CLI_TROUBLE_H

#include "cli/command.h"

// Appends the next step to the sentence, where there is one.
void trouble_explain(const struct cli *cli, struct error *err);

#endif
