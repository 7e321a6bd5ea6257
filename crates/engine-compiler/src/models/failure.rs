//! The failure is the one with the lowest offset, whoever comes first.

use super::*;

fn fails_at(decoded: &DecodedModule, mode: CompileMode, refused: &[u32], helpers: usize) {
    let model = Model::refusing(refused);
    let state = state(decoded, mode, &model);
    state.queue_all();
    let workers: Vec<_> = (0..helpers)
        .map(|_| {
            let state = Arc::clone(&state);
            thread::spawn(move || state.finish_baseline())
        })
        .collect();
    let mut errors = vec![state.finish_baseline().unwrap_err()];
    errors.extend(workers.into_iter().map(|worker| worker.join().unwrap().unwrap_err()));
    for error in errors {
        let CompileError::Unsupported { func, .. } = error else { panic!("{error}") };
        assert_eq!(func.0, refused[0]);
    }
    // Nothing behind a failure that is known is begun, and nothing is left out before it.
    assert!((0..=refused[0]).all(|func| model.begun().contains(&(Level::Baseline, func))));
}

#[test]
fn the_lower_of_two_failures_wins_in_every_order() {
    exhaustive(3, || fails_at(&pieces(2), CompileMode::Regular, &[0, 1], 1));
}

#[test]
fn the_lowest_of_many_failures_wins() {
    random(1_000, || fails_at(&pieces(6), CompileMode::Tiering, &[2, 3, 5], 3));
}

#[test]
fn what_the_second_tier_refuses_is_no_failure() {
    // Function 0 is refused by the second tier, function 1 by the first, which is what every schedule must tell.
    random(2_000, || {
        let (first, second) = (Model::refusing(&[1]), Model::refusing(&[0]));
        let decoded = pieces(2);
        let tiers: [Arc<dyn Tier>; 2] =
            [Arc::new(At(Level::Baseline, first)), Arc::new(At(Level::Top, second))];
        let state = with_tiers(&decoded, CompileMode::Tiering, tiers);
        state.queue_all();
        let worker = {
            let state = Arc::clone(&state);
            thread::spawn(move || state.work(usize::MAX))
        };
        let error = state.finish_baseline().unwrap_err();
        let CompileError::Unsupported { func, .. } = error else { panic!("{error}") };
        assert_eq!(func.0, 1);
        worker.join().unwrap();
    });
}

#[test]
fn a_failure_is_final_once_it_is_shown() {
    random(1_000, || {
        let state = state(&pieces(3), CompileMode::Regular, &Model::refusing(&[0, 2]));
        state.queue_all();
        let workers = [(); 2].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || state.work(usize::MAX))
        });
        if let Some(shown) = state.failure() {
            assert_eq!(shown, state.finish_baseline().unwrap_err());
        }
        for worker in workers {
            worker.join().unwrap();
        }
        let CompileError::Unsupported { func, .. } = state.failure().unwrap() else { panic!() };
        assert_eq!(func.0, 0);
    });
}
