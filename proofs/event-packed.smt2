; vq_packed_wanted in descriptor mode (src/ring/packed.h), for every size from 1 to
; 32768 and all positions: the step from `before` to `now`, at most one round, goes
; over the slot (with its wrap counter) that the other end named.
; Sixteen bits as integers, every operation of the code with its own wrap-around:
; as bit vectors the same formula takes z3 minutes.
(set-logic QF_LIA)
(declare-const size Int)
(declare-const event Int) ; slots
(declare-const now Int)
(declare-const before Int)
(declare-const event-wrap Bool)
(declare-const now-wrap Bool)
(declare-const before-wrap Bool)
(assert (and (<= 1 size) (<= size 32768)))
(assert (and (<= 0 event) (< event size)))
(assert (and (<= 0 now) (< now size)))
(assert (and (<= 0 before) (< before size)))

; uint16_t: the difference of two of them wraps at most once.
(define-fun sub16 ((a Int) (b Int)) Int (ite (< a b) (+ (- a b) 65536) (- a b)))

; The code. vq_packed_line puts a position on the line on which `now` is its slot.
(define-fun line ((slot Int) (wrap Bool)) Int
  (ite (= wrap now-wrap) slot (sub16 slot size)))
(define-fun code () Bool
  (< (sub16 (sub16 now (line event event-wrap)) 1) (sub16 now (line before before-wrap))))

; The meaning: two rounds of the ring are one circle of 2 * size places.
(define-fun place ((slot Int) (wrap Bool)) Int (ite wrap slot (+ slot size)))
(define-fun after ((a Int) (b Int)) Int (ite (>= a b) (- a b) (- (+ a size size) b)))
(define-fun step () Int (after (place now now-wrap) (place before before-wrap)))
; At most one round from `before` to `now`: what publish makes visible.
(assert (<= step size))
(define-fun spec () Bool
  (< (after (place event event-wrap) (place before before-wrap)) step))
(assert (not (= code spec)))
(check-sat)
