/*
 * A packed ring goes to sleep and must be woken (PACKED-DRV-SUPPLY-03 and its twin on the
 * device's end; BUG-83). One end publishes descriptors by storing the flags of the
 * first of a batch, then reads the other's event structure {off_wrap, flags}, as one
 * 32-bit value (vq_packed_wanted). The other writes that structure whole
 * (vq_packed_wish) and looks once more at the slot where it waits.
 *
 * The ring has three slots, so positions (slot, wrap counter) go round a circle of six.
 *
 *   FENCE_P, FENCE_C  the full fence of the producer, of the consumer
 *   MODE_FLAGS        enable and disable only; else the descriptor mode
 *
 * Store buffers as in split.pml.
 */
#define N 7
#define SIZE 3
#define ROUND 6

#define ENABLE 0
#define DISABLE 1
#define DESCRIPTOR 2

/* Does the step from `before` to `now` go over `event`? */
#define PASSED(event, now, before) \
    (((ROUND + event - before) % ROUND) < ((ROUND + now - before) % ROUND))

byte published = 0;              /* memory: position up to which slots are available */
byte mode = ENABLE, off = 0;     /* memory: the event structure */
bool has_p = false;
byte buf_p;
chan buf_c = [2] of { byte, byte };
byte kicks = 0, consumed = 0;

active proctype drain_p()
{
end:
    do
    :: atomic { has_p -> published = buf_p; has_p = false }
    od
}

active proctype drain_c()
{
    byte m, o;
end:
    do
    :: atomic {
        buf_c?m, o;
        mode = m;
        off = o;
        m = 0;
        o = 0
    }
    od
}

active proctype producer()
{
    byte n = 0, before, now = 0, m, o;

    do
    :: n < N ->
        (n - consumed < SIZE);
        before = now;
        now = (now + 1) % ROUND;
        n++;
        if
        :: n < N && n - consumed < SIZE -> now = (now + 1) % ROUND; n++
        :: true
        fi;
        !has_p;
        atomic { buf_p = now; has_p = true };
#ifdef FENCE_P
        !has_p;
#endif
        atomic { m = mode; o = off };
        if
        :: m == DISABLE
        :: m == ENABLE -> kicks++
        :: m == DESCRIPTOR ->
            if
            :: PASSED(o, now, before) -> kicks++
            :: else
            fi
        fi
    :: else -> break
    od
}

active proctype consumer()
{
    byte last = 0, seen;

endsleep:
    do
    :: kicks > 0 ->
        kicks = 0;
again:
        buf_c!DISABLE, 0;
        do
        :: seen = published;
            if
            :: seen != last -> last = (last + 1) % ROUND; consumed++
            :: else -> break
            fi
        od;
#ifdef MODE_FLAGS
        buf_c!ENABLE, 0;
#else
        buf_c!DESCRIPTOR, last;
#endif
#ifdef FENCE_C
        empty(buf_c);
#endif
        seen = published;
        if
        :: seen != last -> goto again
        :: else
        fi
    od
}

ltl done { <> (consumed == N) }
