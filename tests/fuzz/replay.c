// Replays a corpus without libFuzzer: every file of the folders given is one input. An empty or
// missing corpus fails, because a replay of nothing proves nothing.
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    static uint8_t data[1 << 20];
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    // An exact allocation lets the sanitizer see a read past the end.
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        return -1;
    for (size_t i = 0; i < size; i++)
        exact[i] = data[i];
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    int replayed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            fprintf(stderr, "no corpus at %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            if (entry->d_name[0] == '.')
                continue;
            char path[PATH_MAX];
            int length = snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (length < 0 || (size_t)length >= sizeof path || replay_file(path) < 0) {
                fprintf(stderr, "cannot replay %s\n", entry->d_name);
                closedir(dir);
                return 1;
            }
            replayed++;
        }
        closedir(dir);
    }
    printf("replayed %d inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
