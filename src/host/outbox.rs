//! What waits for the shell: answers, events and services. All of it is bounded.

use super::Service;
use crate::ctl::{Answer, Event, Ticket};
use std::collections::VecDeque;

#[derive(Default)]
pub(super) struct Outbox {
    answers: VecDeque<(Ticket, Answer)>,
    events: VecDeque<Event>,
    services: VecDeque<Service>,
    pub(super) events_lost: u64,
}

impl Outbox {
    /// Whether the answers that one frame can bring still find room. The co-processor keeps its
    /// frames until then, so that none is lost.
    pub(super) fn has_room(&self) -> bool {
        self.answers.len() < ANSWERS_MAX
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.answers.push_back((ticket, answer));
    }

    /// The client is gone.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.answers.retain(|(whose, _)| *whose != ticket);
    }

    pub(super) fn poll_answer(&mut self) -> Option<(Ticket, Answer)> {
        self.answers.pop_front()
    }

    pub(super) fn event(&mut self, event: Event) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
            self.events_lost = self.events_lost.saturating_add(1);
        }
        self.events.push_back(event);
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn service(&mut self, service: Service) {
        // What replaces it makes a service that still waits void: the last one counts.
        let same =
            |other: &Service| core::mem::discriminant(other) == core::mem::discriminant(&service);
        self.services.retain(|waiting| !same(waiting));
        self.services.push_back(service);
    }

    pub(super) fn has_service(&self) -> bool {
        !self.services.is_empty()
    }

    pub(super) fn poll_service(&mut self) -> Option<Service> {
        self.services.pop_front()
    }
}

/// Half a second of sniffing on a full channel (some 500 frames a second at 250 kbit/s and 60 octets).
const ANSWERS_MAX: usize = 256;
/// What a start-up tells (some 40 changes), six times.
const EVENTS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::Fields;

    #[test]
    fn the_oldest_event_is_lost_and_counted() {
        let mut outbox = Outbox::default();
        for n in 0..EVENTS_MAX + 2 {
            outbox.event(Event {
                name: "state",
                fields: Fields::new().with("n", n as u32),
            });
        }
        assert_eq!(outbox.events_lost, 2);
        let first = outbox.poll_event().unwrap();
        assert_eq!(first.fields, Fields::new().with("n", 2));
    }

    #[test]
    fn the_last_service_of_a_kind_counts() {
        let mut outbox = Outbox::default();
        outbox.service(Service::Retain(vec![1]));
        outbox.service(Service::Forget);
        outbox.service(Service::Retain(vec![2]));
        assert_eq!(outbox.poll_service(), Some(Service::Forget));
        assert_eq!(outbox.poll_service(), Some(Service::Retain(vec![2])));
        assert_eq!(outbox.poll_service(), None);
    }
}
