use super::*;

#[test]
fn errors_are_those_of_the_calls() {
    let error = |path| OpenChip::open(Path::new(path)).err().unwrap();
    assert_eq!(error("/dev/null").raw_os_error(), Some(25 /* ENOTTY */));
    assert_eq!(error("/dev/gpiochip-none").kind(), io::ErrorKind::NotFound);
}

/// A descriptor that answers each read with the next batch of event ids, then EAGAIN.
struct Events<'a>(std::slice::Iter<'a, Vec<u32>>, usize, usize);

impl Read for Events<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        let ids = self.0.next().ok_or(io::ErrorKind::WouldBlock)?;
        for (event, id) in buffer.chunks_exact_mut(self.2).zip(ids) {
            event.fill(0xa5);
            event[EVENT_ID_OFFSET..EVENT_ID_OFFSET + 4].copy_from_slice(&id.to_ne_bytes());
        }
        Ok(ids.len() * self.2)
    }
}

/// (whether there was an edge, how many reads it took), the same in both versions
fn drain(batches: &[Vec<u32>]) -> (bool, usize) {
    let [v1, v2] = [V1_EVENT_SIZE, V2_EVENT_SIZE].map(|size| {
        let mut events = Events(batches.iter(), 0, size);
        let edge = drain_events(&mut events, size).unwrap();
        (edge, events.1)
    });
    assert_eq!(v1, v2);
    v2
}

#[test]
fn edges_are_drained_with_as_few_reads_as_can_be() {
    assert_eq!(drain(&[]), (false, 1));
    assert_eq!(drain(&[vec![2]]), (true, 1));
    assert_eq!(drain(&[vec![1]]), (false, 1));
    assert_eq!(drain(&[vec![1, 2]]), (true, 1));
    assert_eq!(drain(&[vec![2; 16], vec![1]]), (true, 2));
    assert_eq!(drain(&[vec![1; 16]]), (false, 2));
    assert_eq!(drain(&vec![vec![2; 16]; 9]), (true, MAX_READS));
}
