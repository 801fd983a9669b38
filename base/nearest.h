// What someone most likely meant who wrote a name that nothing has: "did you mean web-v2?".
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

struct nearest {
    const char *wanted; // set this one; the others start as zero
    const char *best;   // the candidate that is most alike, borrowed; NULL when none is alike
    size_t distance;
};

// Looks at one candidate; of equals the first stays. True when it is the best so far. Alike are
// names that differ in a third of their letters at most, whatever their case, or one of which
// begins or ends with the other. Names over 64 bytes are like nothing.
bool nearest_offer(struct nearest *nearest, const char *candidate);

#endif
