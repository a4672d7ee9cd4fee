//! No library: what the runtime prints for a panic that nobody catches.

use crate::scenario::pay;

pub fn crash() {
    println!("the beginning");
    pay().unwrap();
}
