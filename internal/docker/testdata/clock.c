/* A target for tests: a server that answers each connection's line with a time in
   nanoseconds, asked for in the way that the line names. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long from(clockid_t id) {
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void say(int to, long long ns) { dprintf(to, "%lld\n", ns); }

static void *in_thread(void *to) {
	say(*(int *)to, from(CLOCK_REALTIME));
	return NULL;
}

static void answer(int to, const char *line, char **argv) {
	if (!strcmp(line, "clock")) say(to, from(CLOCK_REALTIME));
	if (!strcmp(line, "coarse")) say(to, from(CLOCK_REALTIME_COARSE));
	if (!strcmp(line, "monotonic")) say(to, from(CLOCK_MONOTONIC));
	if (!strcmp(line, "time")) say(to, time(NULL) * 1000000000LL);
	if (!strcmp(line, "day")) {
		struct timeval t;
		gettimeofday(&t, NULL);
		say(to, t.tv_sec * 1000000000LL + t.tv_usec * 1000LL);
	}
	if (!strcmp(line, "thread")) {
		pthread_t t;
		if (pthread_create(&t, NULL, in_thread, &to) == 0) pthread_join(t, NULL);
	}
	if (!strcmp(line, "fork")) {
		pid_t child = fork();
		if (child == 0) { say(to, from(CLOCK_REALTIME)); _exit(0); }
		waitpid(child, NULL, 0);
	}
	if (!strcmp(line, "exec")) { say(to, 0); execv(argv[0], argv); }
}

int main(int argc, char **argv) {
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7000)};
	int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(l, (struct sockaddr *)&at, sizeof at) || listen(l, 16)) return 1;
	for (;;) {
		char line[64];
		int c = accept4(l, NULL, NULL, SOCK_CLOEXEC);
		ssize_t n = read(c, line, sizeof line - 1);
		if (n > 0) {
			line[n] = 0;
			line[strcspn(line, "\n")] = 0;
			answer(c, line, argv);
		}
		close(c);
	}
}
