use super::*;

fn net() -> (Net, Rng) {
    let mut rng = Rng::new(7);
    let identity = Identity::random(&mut rng);
    (
        Net::new(&identity, [0xFD, 0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0]),
        rng,
    )
}

#[test]
fn leads_after_a_while() {
    let (mut net, mut rng) = net();
    assert_eq!(net.start(Instant::ZERO, &mut rng), Err(INVALID_STATE));
    net.set_interface(true);
    assert_eq!(net.addresses(&[]).len(), 1);
    net.start(Instant::ZERO, &mut rng).unwrap();
    assert_eq!(net.addresses(&[]).len(), 2);
    let at = net.poll_timeout().unwrap();
    assert!((6_000_000..=7_000_000).contains(&at.as_micros()));
    let early = at - Duration::from_micros(1);
    assert_eq!(net.poll(early, Alone::Leads, &mut rng), None);
    assert_eq!(net.poll(at, Alone::Leads, &mut rng), Some(Outcome::Formed));
    assert_eq!(net.poll_timeout(), None);
    assert_eq!(net.addresses(&[]).len(), 4);
    assert_eq!(
        net.addresses(&[])[3][..16],
        [0xFD, 0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0, 0, 0, 0, 0xFF, 0xFE, 0, 0xFC, 0]
    );
    net.set_interface(false);
    assert!(!net.is_stack_up() && net.addresses(&[]).is_empty() && net.groups().is_empty());
}

#[test]
fn the_link_local_address_follows_the_extended_address() {
    let (mut net, _) = net();
    net.set_extended_address([0x02, 0x12, 0x4B, 0, 1, 2, 3, 4]);
    net.set_interface(true);
    assert_eq!(
        net.addresses(&[])[0][..16],
        [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0x00, 0x12, 0x4B, 0, 1, 2, 3, 4]
    );
}

#[test]
fn finds_nobody_to_join() {
    let (mut net, mut rng) = net();
    net.set_interface(true);
    net.set_join_existing(true);
    net.start(Instant::ZERO, &mut rng).unwrap();
    let at = net.poll_timeout().unwrap();
    assert_eq!(
        net.poll(at, Alone::Leads, &mut rng),
        Some(Outcome::JoinFailed)
    );
    assert!(!net.is_stack_up() && !net.is_attached());
}

#[test]
fn searches_on_without_a_dataset() {
    let (mut net, mut rng) = net();
    net.set_interface(true);
    net.start(Instant::ZERO, &mut rng).unwrap();
    for _ in 0..10 {
        let at = net.poll_timeout().unwrap();
        assert_eq!(net.poll(at, Alone::Searches, &mut rng), None);
        assert!(net.is_stack_up() && net.role() == Role::Detached);
    }
    assert_eq!(
        net.set_role(3, Alone::Searches, Instant::ZERO, &mut rng),
        Err(INVALID_STATE)
    );
}
