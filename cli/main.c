#include <stdio.h>

int main(void)
{
    puts("sealift " SEALIFT_VERSION);
    return 0;
}
