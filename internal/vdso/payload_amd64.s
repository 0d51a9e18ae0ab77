//go:build linux && amd64

#include "textflag.h"

// What a patched process runs instead of the kernel's own code. It is never
// called here: its bytes are copied behind the target's vDSO, so it refers to
// nothing outside of itself but the parameters, whose address takes the place of
// PARAMETERS in each copy. It follows the C convention: only registers that a
// caller must save itself are changed, and no stack is used but the red zone.
//
// The marks tell where a function starts; see code.go. They are never executed.
#define MARK(n) QUAD $(0x6d6c636b76445300 + n)
#define PARAMETERS $0x6d6c636b56615273

// The parameters: a generation, whose lowest bit chooses one of two slots, and the
// slots, 64 bytes each. See params.go.
#define SINCE(slot) 0(slot)
#define RATE(slot) 8(slot)
#define OFFSET(slot) 16(slot)
#define ALTERNATE(slot) 24(slot)
#define PERIOD(slot) 32(slot)

// SKEW turns the true time in AX (nanoseconds since 1970) into the target's:
// time + (time-since)*rate/2^32 + offset, where every other period has the
// alternate offset. It goes back to again when the parameters have changed meanwhile.
#define SKEW(again, plain, add) \
	MOVQ PARAMETERS, R8 \
	MOVQ (R8), R9 \
	MOVQ R9, R10 \
	ANDQ $1, R10 \
	SHLQ $6, R10 \
	LEAQ 64(R8)(R10*1), R10 \
	MOVQ AX, R11 \
	SUBQ SINCE(R10), AX \
	MOVQ AX, CX \
	IMULQ RATE(R10) \
	SHRQ $32, DX, AX \
	ADDQ AX, R11 \
	CMPQ PERIOD(R10), $0 \
	JE plain \
	MOVQ CX, AX \
	TESTQ AX, AX \
	JLT plain \
	XORL DX, DX \
	DIVQ PERIOD(R10) \
	TESTQ $1, AX \
	JEQ plain \
	MOVQ ALTERNATE(R10), AX \
	JMP add \
plain: \
	MOVQ OFFSET(R10), AX \
add: \
	ADDQ R11, AX \
	CMPQ R9, (R8) \
	JNE again

// SPLIT turns the nanoseconds in AX into seconds in AX and nanoseconds in DX.
#define SPLIT(done) \
	MOVQ $1000000000, CX \
	CQO \
	IDIVQ CX \
	TESTQ DX, DX \
	JGE done \
	ADDQ CX, DX \
	DECQ AX \
done:

// func payload()
TEXT ·payload(SB), NOSPLIT|NOFRAME, $0-0
	MARK(1)

	// int clock_gettime(clockid_t DI, struct timespec *SI)
clock:
	MOVL $228, AX
	SYSCALL
	TESTL AX, AX
	JNE clockout
	// The clocks that tell the time of day: 0 realtime, 5 its coarse form, 8 its
	// alarm, 11 atomic time.
	CMPL DI, $11
	JHI clockout
	MOVL $0x921, CX
	BTL DI, CX
	JCC clockout
	IMUL3Q $1000000000, 0(SI), AX
	ADDQ 8(SI), AX
	SKEW(clock, clockplain, clockadd)
	SPLIT(clocksplit)
	MOVQ AX, 0(SI)
	MOVQ DX, 8(SI)
	XORL AX, AX
clockout:
	RET

	MARK(2)

	// int gettimeofday(struct timeval *DI, struct timezone *SI)
day:
	MOVL $96, AX
	SYSCALL
	TESTL AX, AX
	JNE dayout
	TESTQ DI, DI
	JEQ dayout
	IMUL3Q $1000000000, 0(DI), AX
	IMUL3Q $1000, 8(DI), CX
	ADDQ CX, AX
	SKEW(day, dayplain, dayadd)
	SPLIT(daysplit)
	MOVQ AX, 0(DI)
	MOVQ DX, AX
	XORL DX, DX
	MOVQ $1000, CX
	DIVQ CX
	MOVQ AX, 8(DI)
	XORL AX, AX
dayout:
	RET

	MARK(3)

	// time_t time(time_t *DI)
	MOVQ DI, -8(SP)
	LEAQ -24(SP), SI
second:
	XORL DI, DI
	MOVL $228, AX
	SYSCALL
	IMUL3Q $1000000000, 0(SI), AX
	ADDQ 8(SI), AX
	SKEW(second, secondplain, secondadd)
	SPLIT(secondsplit)
	MOVQ -8(SP), DI
	TESTQ DI, DI
	JEQ secondout
	MOVQ AX, 0(DI)
secondout:
	RET

	MARK(4)
	RET

// func payloadAddress() unsafe.Pointer
TEXT ·payloadAddress(SB), NOSPLIT, $0-8
	LEAQ ·payload(SB), AX
	MOVQ AX, ret+0(FP)
	RET
