#include "base/nearest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MAX_BYTES = 64 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Letters to insert, remove, change or swap with their neighbour.
static size_t distance_of(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[MAX_BYTES + 1][MAX_BYTES + 1];
    for (size_t i = 0; i <= a_length; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        for (size_t j = 1; j <= b_length; j++) {
            int left = tolower((unsigned char)a[i - 1]);
            int right = tolower((unsigned char)b[j - 1]);
            size_t best = smaller(rows[i - 1][j], rows[i][j - 1]) + 1;
            best = smaller(best, rows[i - 1][j - 1] + (left != right));
            if (i > 1 && j > 1 && left == tolower((unsigned char)b[j - 2]) &&
                right == tolower((unsigned char)a[i - 2]))
                best = smaller(best, rows[i - 2][j - 2] + 1);
            rows[i][j] = best;
        }
    }
    return rows[a_length][b_length];
}

static bool contains_at_an_end(const char *whole, size_t length, const char *part,
                               size_t part_length)
{
    return part_length >= 2 && part_length < length &&
           (strncasecmp(whole, part, part_length) == 0 ||
            strcasecmp(whole + length - part_length, part) == 0);
}

bool nearest_offer(struct nearest *nearest, const char *candidate)
{
    size_t wanted_length = strlen(nearest->wanted);
    size_t length = strlen(candidate);
    if (wanted_length == 0 || wanted_length > MAX_BYTES || length == 0 || length > MAX_BYTES)
        return false;
    size_t distance = distance_of(nearest->wanted, wanted_length, candidate, length);
    bool alike = distance <= (wanted_length + 1) / 3 ||
                 contains_at_an_end(candidate, length, nearest->wanted, wanted_length) ||
                 contains_at_an_end(nearest->wanted, wanted_length, candidate, length);
    if (!alike || (nearest->best != NULL && distance >= nearest->distance))
        return false;
    nearest->best = candidate;
    nearest->distance = distance;
    return true;
}
