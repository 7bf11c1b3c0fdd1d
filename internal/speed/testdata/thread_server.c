/* A plain echo server over frames of a 4-byte length and a payload: the yardstick
 * for thread-per-connection. A thread of 64 KiB stack for each connection, which
 * receives and sends and blocks in both. usage: thread_server CPU; prints "PORT" on
 * stdout. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK = 64 << 10, BUFFER = 16384, LENGTH = 4, BACKLOG = 1024 };

static void die(const char *what) { perror(what); exit(1); }

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (cpu >= 0 && sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
}

static int listen_on_loopback(void) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, size) || listen(fd, BACKLOG)) die("listen");
    if (getsockname(fd, (struct sockaddr *)&addr, &size)) die("getsockname");
    printf("%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return fd;
}

/* Echoes what each recv brings; with one request in flight that is one whole frame. */
static void *serve(void *argument) {
    int fd = (int)(intptr_t)argument;
    char buffer[BUFFER];
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        unsigned length;
        memcpy(&length, buffer, LENGTH);
        if (n < LENGTH || ntohl(length) != (unsigned)n - LENGTH || send(fd, buffer, n, MSG_NOSIGNAL) != n) break;
    }
    close(fd);
    return NULL;
}

int main(int argc, char **argv) {
    int one = 1;
    pthread_attr_t attributes;
    pin(argc > 1 ? atoi(argv[1]) : -1);
    if (pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, STACK) ||
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED)) die("pthread_attr");
    int listener = listen_on_loopback();
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_t thread;
        if (pthread_create(&thread, &attributes, serve, (void *)(intptr_t)fd)) die("pthread_create");
    }
}
