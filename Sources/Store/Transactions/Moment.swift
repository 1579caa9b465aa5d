/// When a transaction happens, on both clocks.
struct Moment {
    let wall = Timestamp.now()
    let boottime = boottimeNanoseconds()
}
