//! Random histories of one case in four regions: people act, news of it travels slowly, twice, and
//! in any order between logs (never within one). After every step somebody has the custody, and
//! only one; when all news has arrived, both sides of every hop agree and there is a way on.

mod races;
mod world;

use proptest::prelude::*;

use self::world::{REGIONS, World, listeners};

/// What happens next. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Happening {
    /// The region that has the custody sends the case to another.
    Sends {
        to: usize,
    },
    /// Somebody does something with a hop that the table lets them do.
    Acts {
        hop: usize,
        choice: usize,
        to: usize,
    },
    /// One of those who have not heard everything hears the next thing that concerns it.
    Hears {
        who: usize,
    },
    /// Somebody hears again what they heard before.
    HearsAgain {
        who: usize,
        event: usize,
    },
    /// All logs reach all regions.
    Settles,
    TimePasses {
        minutes: i64,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let region = 0..REGIONS.len();
    prop_oneof![
        3 => region.clone().prop_map(|to| Happening::Sends { to }),
        16 => (0..1000usize, 0..1000usize, region)
            .prop_map(|(hop, choice, to)| Happening::Acts { hop, choice, to }),
        24 => (0..1000usize).prop_map(|who| Happening::Hears { who }),
        3 => (0..1000usize, 0..1000usize)
            .prop_map(|(who, event)| Happening::HearsAgain { who, event }),
        1 => Just(Happening::Settles),
        1 => (1i64..400).prop_map(|minutes| Happening::TimePasses { minutes }),
    ]
}

impl World {
    fn happens(&mut self, happening: &Happening) {
        match *happening {
            Happening::Sends { to } => self.sends(to),
            Happening::Acts { hop, choice, to } => self.acts(hop, choice, to),
            Happening::Hears { who } => {
                let start = who % listeners().count();
                let mut all = listeners().skip(start).chain(listeners().take(start));
                all.any(|listener| self.hears_next(listener));
            }
            Happening::HearsAgain { who, event } => {
                let before: Vec<_> = self
                    .heard
                    .iter()
                    .map(|(one, heard)| (*one, *heard))
                    .collect();
                if let Some((listener, heard)) = before.get(who % before.len().max(1)) {
                    self.hears(*listener, event % heard);
                }
            }
            Happening::Settles => self.settle(),
            Happening::TimePasses { minutes } => self.time_passes(minutes),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn nobody_falls_between_two_regions(happenings in prop::collection::vec(happening(), 1..150)) {
        let mut world = World::default();
        for (step, happening) in happenings.iter().enumerate() {
            if step == 3 && !world.case_opened {
                world.open_case();
            }
            world.happens(happening);
            world.check_custody();
        }
        world.settle();
        world.check_settled();
    }
}
